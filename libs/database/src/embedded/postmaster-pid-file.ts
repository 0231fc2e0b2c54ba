import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#kernel';
import { findProcess, isAlive } from './process-table.js';

/** A running PostgreSQL server, as its `postmaster.pid` says. */
export interface RunningPostmaster {
  readonly pid: number;
  readonly parentPid: number;
  readonly port: number;
  /** It takes connections. */
  readonly isReady: boolean;
}

const fileOf = (cluster: string): string => join(cluster, 'postmaster.pid');

/**
 * The server that runs on a database folder (a real path). A file whose process has ended, or is some other
 * program that was given the same id since, names no server. Throws `unavailable` where it cannot be read.
 */
export async function findPostmaster(cluster: string): Promise<RunningPostmaster | undefined> {
  const lines = await readLines(cluster);
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const entry = await findProcess(pid);
  if (entry?.name !== 'postgres' || entry.workingFolder !== cluster) return undefined;
  return { pid, parentPid: entry.parentPid, port: Number(lines[3]), isReady: lines[7]?.trim() === 'ready' };
}

/**
 * Removes a file whose process id another program has now: PostgreSQL would take that for its predecessor and
 * refuse to start. A file whose process has ended is left to PostgreSQL, which checks more than the id.
 */
export async function removeMistakenPidFile(cluster: string): Promise<void> {
  const pid = Number((await readLines(cluster))[0]);
  if (pid > 0 && isAlive(pid) && !(await findPostmaster(cluster)))
    await unlink(fileOf(cluster)).catch(() => undefined);
}

async function readLines(cluster: string): Promise<string[]> {
  try {
    return (await readFile(fileOf(cluster), 'utf8')).split('\n');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new AppError('unavailable', {
      detail: `${fileOf(cluster)} cannot be read: run as the user that started the server`,
      cause,
    });
  }
}
