import { readFile, readlink } from 'node:fs/promises';

/** What the kernel says of a running process. */
export interface ProcessEntry {
  /** Name of its program, at most 15 characters. */
  readonly name: string;
  readonly parentPid: number;
  readonly workingFolder: string;
}

/** Whether a process of that id exists, of whichever user. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The process of that id. Undefined where there is none, where it has ended, or where we may not look at it. */
export async function findProcess(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const workingFolder = await readlink(`/proc/${pid}/cwd`);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): string => new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)?.[1] ?? '';
    return { name: field('Name'), parentPid: Number(field('PPid')), workingFolder };
  } catch {
    return undefined;
  }
}
