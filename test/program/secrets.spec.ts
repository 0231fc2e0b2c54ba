import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SecretSearch, formsOf } from './secret-search.js';
import { SecretsSession } from './secrets-session.js';
import { SecretsStage } from './secrets-stage.js';

const EVERYTHING =
  'kms:keys:read kms:keys:write kms:keys:sign kms:keys:verify kms:keys:delete kms:engines:read kms:engines:admin audit:read';

/** What the operator put into the environment of API and worker himself. */
const REFERENCE = /^CLAVIGER_SECRET_[A-Z]+=/;

describe('a PIN, a secret of AWS, and a private key on its way into an engine', () => {
  let all: SecretsStage;
  let admin: pg.Client;
  const answers = new SecretSearch();

  /** What the kernel tells of a process to whoever may ask. */
  function lookAtProcess(into: SecretSearch, pid: number, isOurs: (part: string) => boolean): void {
    for (const file of ['cmdline', 'environ']) {
      const parts = readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
      into.add(`${file} of process ${pid}`, parts.filter(isOurs).join('\n'));
    }
  }

  /** Every row of every table, as the server writes its values. */
  async function lookAtRows(into: SecretSearch): Promise<void> {
    const { rows: tables } = await admin.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    for (const { name } of tables) {
      const { rows } = await admin.query<Record<string, string | null>>(`SELECT * FROM ${name}`);
      into.add(`rows of ${name}`, rows.flatMap((row) => Object.values(row)).join('\n'));
    }
  }

  /** Every file below a folder, but those in which the operator keeps secrets himself. */
  function lookAtFiles(into: SecretSearch, folder: string): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && !file.startsWith(all.secretsDir)) into.add(file, readFileSync(file));
    }
  }

  async function lookAtRedis(into: SecretSearch): Promise<void> {
    for (const [key, value] of await all.redis.dump()) into.add(`Redis at ${key}`, value);
  }

  beforeAll(async () => {
    all = await SecretsStage.open();
    // Texts, in no form that a driver made of them.
    const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
    admin = new pg.Client({ connectionString: all.server.superuserUrl, types });
    await admin.connect();
    const { token } = await all.stage.must(['token', '--tenant', 'acme', '--scope', EVERYTHING]);
    await new SecretsSession(all, token, answers).play();
  });

  afterAll(async () => {
    await admin?.end();
    await all?.close();
  });

  it('are in no answer and none of its headers', () => {
    expect(answers.places.length).toBeGreaterThan(150);
    expect(answers.find(all.secrets)).toEqual([]);
  });

  it('are in nothing that API or worker printed, at level trace', () => {
    const { api, worker } = all;
    // What is longer is not kept whole.
    expect(api.printed.length).toBeLessThan(2_000_000);
    for (const part of ['/api/kms/v1/keys/import', 'its message repeats the request'])
      expect(api.printed.includes(part)).toBe(true);
    const printed = new SecretSearch();
    printed.add('what the API printed', api.printed);
    printed.add('what the worker printed', worker.printed);
    expect(printed.find(all.secrets)).toEqual([]);
  });

  it('are in no metric of either', async () => {
    const metrics = new SecretSearch();
    for (const port of all.metricsPorts) {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(text).toContain('claviger_');
      metrics.add(`metrics at ${port}`, text);
    }
    expect(metrics.find(all.secrets)).toEqual([]);
  });

  it('are in no argument and no variable of a process; the one that has a PIN is given what a library reads', () => {
    const told = new SecretSearch();
    const children = all.tokenProcesses();
    // Three of each process; those that were replaced end a little later.
    expect(children.length).toBeGreaterThanOrEqual(6);
    for (const { pid } of all.processes())
      lookAtProcess(told, pid, (part) => children.includes(pid) || !REFERENCE.test(part));
    expect(told.find(all.secrets)).toEqual([]);
    for (const pid of children) {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
      expect(variables.map((variable) => variable.split('=')[0]).sort()).toEqual([
        'NODE_CHANNEL_FD',
        'NODE_CHANNEL_SERIALIZATION_MODE',
        'PATH',
        'SOFTHSM2_CONF',
        'UV_THREADPOOL_SIZE',
      ]);
    }
  });

  it('are in no row of any table, and in no file of the database or of the program', async () => {
    const stored = new SecretSearch();
    await lookAtRows(stored);
    expect(stored.places).toEqual(expect.arrayContaining(['rows of public.engine', 'rows of public.job']));
    await admin.query('CHECKPOINT');
    for (const folder of [all.server.dataDir, all.stage.dataDir]) lookAtFiles(stored, folder);
    expect(stored.find(all.secrets)).toEqual([]);
  });

  it('are nowhere in Redis', async () => {
    const redis = new SecretSearch();
    await lookAtRedis(redis);
    expect(redis.places.length).toBeGreaterThan(0);
    expect(redis.find(all.secrets)).toEqual([]);
  });

  it('are found by these searches, each in every form, where they are', async () => {
    const planted = new SecretSearch();
    const secrets = all.secrets;
    const forms = [...secrets].flatMap(([name, secret]) =>
      [...formsOf(secret)].map(([form, bytes]) => ({ label: `${name} as ${form}`, bytes, secret })),
    );
    const texts = forms
      .filter(({ bytes, secret }) => typeof secret === 'string' || !bytes.equals(secret))
      .map(({ bytes }) => bytes.toString());
    await admin.query('CREATE TABLE careless (a bytea, b text)');
    for (const { bytes } of forms)
      await admin.query('INSERT INTO careless (a) VALUES ($1)', [Buffer.concat([Buffer.from('x'), bytes])]);
    await admin.query('INSERT INTO careless (b) VALUES ($1)', [texts.join('\n')]);
    await lookAtRows(planted);
    planted.add('a line', texts.join(' '));
    const file = join(all.stage.dataDir, 'careless');
    writeFileSync(file, texts.join('\n'));
    lookAtFiles(planted, all.stage.dataDir);
    const redis = new Redis(all.redis.url);
    await redis.rpush('careless', ...texts);
    redis.disconnect();
    await lookAtRedis(planted);
    const dummy = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e9)', ...texts], {
      env: Object.fromEntries(texts.map((text, index) => [`V${index}`, text])),
      stdio: 'ignore',
    });
    try {
      lookAtProcess(planted, dummy.pid!, () => true);
    } finally {
      dummy.kill('SIGKILL');
    }
    const found = planted.find(secrets);
    for (const { label, bytes, secret } of forms) {
      expect(found).toContain(`${label} in rows of public.careless, decoded`);
      if (typeof secret !== 'string' && bytes.equals(secret)) continue;
      for (const place of [
        'rows of public.careless',
        'a line',
        file,
        'Redis at careless',
        ...['cmdline', 'environ'].map((file) => `${file} of process ${dummy.pid}`),
      ])
        expect(found).toContain(`${label} in ${place}`);
    }
  });
});
