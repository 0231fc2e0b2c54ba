import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** A running process, as the kernel shows it. */
export interface RunningProcess {
  readonly pid: number;
  /** Its command line. */
  readonly command: string;
}

/** What may be read of it; nothing of one that has ended, or that is another user's. */
function read<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Every process that has to do with `folder`: named in its arguments or environment, or worked in. */
export function processesOn(folder: string): RunningProcess[] {
  const found: RunningProcess[] = [];
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = read(() => readFileSync(`/proc/${entry}/cmdline`, 'utf8')) ?? '';
    const environment = read(() => readFileSync(`/proc/${entry}/environ`, 'utf8')) ?? '';
    const workingFolder = read(() => readlinkSync(`/proc/${entry}/cwd`)) ?? '';
    if ([command, environment, workingFolder].some((text) => text.includes(folder)))
      found.push({ pid: Number(entry), command: command.replaceAll('\0', ' ').trim() });
  }
  return found;
}

/** Whether it is of PostgreSQL. */
export const isDatabase = ({ command }: RunningProcess): boolean =>
  command.startsWith('postgres') || command.includes('/bin/postgres ');

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
}

/** kill -9 of each, but for those that have ended meanwhile. */
export function killNow(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
