import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeDataFolder } from '../../test/data-folder.js';
import { Holder } from '../../test/holder.js';
import { EmbeddedPostgres } from './embedded-postgres.js';
import { findProcess } from './process-table.js';

const isRoot = process.getuid?.() === 0;

let dataDir: string;
let remove: () => void;
let lines: string[];
const running = new Set<EmbeddedPostgres>();

const log = (message: string): void => void lines.push(message);

async function start(onExit?: (reason: Error) => void): Promise<EmbeddedPostgres> {
  const server = await EmbeddedPostgres.start({ dataDir, owner: 'api', log, ...(onExit && { onExit }) });
  running.add(server);
  return server;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

const postmasterPid = (): number =>
  Number(readFileSync(join(dataDir, 'pg/postmaster.pid'), 'utf8').split('\n')[0]);
const modeOf = (path: string): number => statSync(join(dataDir, path)).mode & 0o777;

/** Local addresses (hexadecimal, as the kernel shows them) of the TCP sockets that a process listens on. */
function listeningAddresses(pid: number): string[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.includes(`socket:[${inode}]`))
      .map(([, local = '']) => local.split(':')[0] ?? ''),
  );
}

beforeEach(() => {
  lines = [];
  ({ dataDir, remove } = makeDataFolder());
});

afterEach(async () => {
  await Promise.all([...running].map((server) => server.stop()));
  running.clear();
  remove();
});

describe('a first start', () => {
  it('keeps everything in the data folder, closed to other users', async () => {
    await start();
    expect(modeOf('.')).toBe(0o711);
    expect(modeOf('pg')).toBe(0o700);
    expect(modeOf('database.json')).toBe(0o600);
    expect(modeOf('owner.json')).toBe(0o600);
    expect(modeOf('postgres.log')).toBe(0o600);
    expect(readdirSync(dataDir).sort()).toEqual(['database.json', 'owner.json', 'pg', 'postgres.log']);
  });

  it('listens on loopback only, waits for the disk, and asks every role for its password', async () => {
    const { appUrl } = await start();
    const [settings] = await query(
      appUrl,
      `SELECT inet_server_addr() AS address, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
    );
    expect(settings).toEqual({ address: '127.0.0.1', fsync: 'on', commit: 'on' });
    expect(listeningAddresses(postmasterPid())).toEqual(['0100007F']);
    const stranger = new URL(appUrl);
    stranger.password = 'guess';
    for (const user of ['postgres', 'claviger_owner', 'claviger_app']) {
      stranger.username = user;
      await expect(query(stranger.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    }
  });

  it('shows no password and nothing of our environment to the process list', async () => {
    const { ownerUrl, appUrl } = await start();
    const commandLine = readFileSync(`/proc/${postmasterPid()}/cmdline`, 'utf8');
    const environment = readFileSync(`/proc/${postmasterPid()}/environ`, 'utf8');
    for (const url of [ownerUrl, appUrl])
      expect(commandLine + environment).not.toContain(new URL(url).password);
    expect(environment).not.toContain('VITEST');
  });

  it("does not hear the terminal's Ctrl-C: the server leads a session of its own", async () => {
    await start();
    const pid = String(postmasterPid());
    const [, , processGroup, session] = (
      readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? ''
    ).split(' ');
    expect([processGroup, session]).toEqual([pid, pid]);
  });

  it.runIf(isRoot)('runs the database as another user than root', async () => {
    await start();
    expect(statSync(`/proc/${postmasterPid()}`).uid).not.toBe(0);
    expect(statSync(join(dataDir, 'pg')).uid).toBe(statSync(`/proc/${postmasterPid()}`).uid);
  });
});

describe('the roles', () => {
  it('are no superusers, bypass no row security and make no roles or databases', async () => {
    const { ownerUrl } = await start();
    const roles = await query(
      ownerUrl,
      `SELECT rolname, rolcanlogin, rolinherit, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS mighty
         FROM pg_roles WHERE rolname LIKE 'claviger%' ORDER BY rolname`,
    );
    expect(roles).toEqual([
      { rolname: 'claviger_app', rolcanlogin: true, rolinherit: false, mighty: false },
      { rolname: 'claviger_owner', rolcanlogin: true, rolinherit: true, mighty: false },
      { rolname: 'claviger_system', rolcanlogin: false, rolinherit: false, mighty: false },
    ]);
  });

  it('let the application become claviger_system by SET ROLE only', async () => {
    const { ownerUrl, appUrl } = await start();
    await query(ownerUrl, 'CREATE TABLE t (); GRANT SELECT ON t TO claviger_system');
    await expect(query(appUrl, 'SELECT FROM t')).rejects.toMatchObject({ code: '42501' });
    await query(appUrl, 'SET ROLE claviger_system; SELECT FROM t');
    await expect(query(appUrl, 'SET ROLE claviger_owner')).rejects.toMatchObject({ code: '42501' });
  });

  it('let the application make nothing and connect nowhere else', async () => {
    const { appUrl } = await start();
    await expect(query(appUrl, 'CREATE TABLE public.t ()')).rejects.toMatchObject({ code: '42501' });
    await expect(query(appUrl, 'CREATE TEMP TABLE t ()')).rejects.toMatchObject({ code: '42501' });
    await expect(query(new URL('/postgres', appUrl).href, 'SELECT 1')).rejects.toMatchObject({
      code: '42501',
    });
  });
});

describe('a next start', () => {
  it('finds what was committed, under the same passwords', async () => {
    const first = await start();
    await query(first.ownerUrl, 'CREATE TABLE t AS SELECT 42 AS n');
    await first.stop();
    const second = await start();
    expect(await query(second.ownerUrl, 'SELECT n FROM t')).toEqual([{ n: 42 }]);
    expect(new URL(second.appUrl).password).toBe(new URL(first.appUrl).password);
  });

  it('takes over after kill -9 of the process, which leaves no PostgreSQL behind', async () => {
    const holder = Holder.spawn(dataDir);
    const ownerUrl = await holder.ownerUrl();
    const orphan = postmasterPid();
    await query(ownerUrl, 'CREATE TABLE t AS SELECT 42 AS n');
    await holder.kill();
    const next = await start();
    expect(await findProcess(orphan)).toBeUndefined();
    expect(await query(next.ownerUrl, 'SELECT n FROM t')).toEqual([{ n: 42 }]);
  });

  it('is not disturbed by a first start that was killed half-way', async () => {
    const holder = Holder.spawn(dataDir);
    const unfinished = (): string | undefined =>
      existsSync(dataDir) ? readdirSync(dataDir).find((name) => name.startsWith('pg.new-')) : undefined;
    await vi.waitUntil(unfinished, { timeout: 20_000, interval: 5 });
    await holder.kill();
    expect(existsSync(join(dataDir, 'pg'))).toBe(false);
    const next = await start();
    expect(await query(next.appUrl, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect(unfinished()).toBeUndefined();
  });

  it('is not held up by a pid file whose process is another program now', async () => {
    await (await start()).stop();
    writeFileSync(
      join(dataDir, 'pg/postmaster.pid'),
      `${process.pid}\n${dataDir}/pg\n1\n5432\n\n127.0.0.1\n\nready\n`,
    );
    const next = await start();
    expect(await query(next.appUrl, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  it('names the file when the passwords can be read by others', async () => {
    await (await start()).stop();
    execFileSync('chmod', ['644', join(dataDir, 'database.json')]);
    await expect(start()).rejects.toThrow(`${dataDir}/database.json`);
  });

  it('says that the passwords are of another database, and ends what it started', async () => {
    await (await start()).stop();
    const wrong = { superuser: 'x'.repeat(43), owner: 'y'.repeat(43), app: 'z'.repeat(43) };
    writeFileSync(join(dataDir, 'database.json'), JSON.stringify(wrong));
    await expect(start()).rejects.toThrow(`the passwords in ${dataDir}/database.json`);
    expect(existsSync(join(dataDir, 'pg/postmaster.pid'))).toBe(false);
  });
});

describe('the end of the server', () => {
  it('is reported when nobody asked for it, and the next start recovers', async () => {
    const reason = new Promise<Error>((resolve) => {
      void start(resolve).then(() => process.kill(postmasterPid(), 'SIGKILL'));
    });
    expect((await reason).message).toContain('postgres.log');
    const next = await start();
    expect(await query(next.appUrl, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  it('is not reported when it was stopped, however often', async () => {
    const onExit = vi.fn();
    const server = await start(onExit);
    const pid = postmasterPid();
    await Promise.all([server.stop(), server.stop()]);
    expect(await findProcess(pid)).toBeUndefined();
    expect(onExit).not.toHaveBeenCalled();
    expect(existsSync(join(dataDir, 'owner.json'))).toBe(false);
  });
});

describe('where there is no way', () => {
  it('names DATABASE_URL on a machine without the binaries', async () => {
    const arch = Object.getOwnPropertyDescriptor(process, 'arch') as PropertyDescriptor;
    Object.defineProperty(process, 'arch', { ...arch, value: 'pdp11' });
    try {
      await expect(start()).rejects.toThrow('DATABASE_URL');
    } finally {
      Object.defineProperty(process, 'arch', arch);
    }
  });

  it.runIf(isRoot)(
    'keeps the database elsewhere, and says so, in a folder that its user cannot reach',
    async () => {
      remove();
      ({ dataDir, remove } = makeDataFolder(0o700));
      const first = await start();
      await query(first.ownerUrl, 'CREATE TABLE t AS SELECT 42 AS n');
      const place = readlinkSync(join(dataDir, 'pg'));
      expect(lines.join('\n')).toContain(place);
      await first.stop();
      expect(await query((await start()).ownerUrl, 'SELECT n FROM t')).toEqual([{ n: 42 }]);
    },
  );
});
