import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import type pg from 'pg';

/** What the figures were taken on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly nodeOpenSsl: string;
  readonly openssl: string;
  readonly postgresql: string;
  /** Processes that wanted to run in the minute before. */
  readonly loadBefore: number;
}

export async function describeMachine(connection: pg.Client): Promise<Machine> {
  const [row] = (
    await connection.query<{ version: string }>(`SELECT current_setting('server_version') AS version`)
  ).rows;
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    nodeOpenSsl: process.versions.openssl ?? 'unknown',
    openssl: execFileSync('openssl', ['version'], { encoding: 'utf8' }).split(' ')[1] ?? 'unknown',
    postgresql: row?.version ?? 'unknown',
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}
