import { readFileSync, readdirSync } from 'node:fs';

/** `sysconf(_SC_CLK_TCK)`, which Linux has at 100 everywhere. */
const TICKS_PER_S = 100;

interface Stat {
  readonly parent: number;
  /** User and system time of all its threads, in seconds. */
  readonly cpuS: number;
  /** The same of its children that have ended. */
  readonly endedChildrenS: number;
}

function stat(pid: number | string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything; proc(5) numbers what follows it from 3.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const seconds = (...indices: number[]): number =>
      indices.reduce((sum, index) => sum + Number(fields[index - 3]), 0) / TICKS_PER_S;
    return { parent: Number(fields[1]), cpuS: seconds(14, 15), endedChildrenS: seconds(16, 17) };
  } catch {
    return undefined;
  }
}

/** User and system time of a process, all its threads, in seconds. */
export function cpuSeconds(pid: number): number {
  const found = stat(pid);
  if (!found) throw new Error(`process ${pid} has ended`);
  return found.cpuS;
}

/** The same of a process and all its children, those that ended as well. */
export function treeCpuSeconds(pid: number): number {
  const own = stat(pid);
  if (!own) throw new Error(`process ${pid} has ended`);
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => stat(name))
    .filter((child) => child?.parent === pid);
  return children.reduce((sum, child) => sum + child!.cpuS, own.cpuS + own.endedChildrenS);
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
}
