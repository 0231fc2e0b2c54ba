import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROJECT, cleanEnvironment } from './project-folder.js';

/** How a command ended, and all it printed. */
export interface Finished {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in the project's folder to its end. Kills it, and throws, where it takes longer than `withinMs`. */
export async function runCommand(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
  withinMs = 60_000,
): Promise<Finished> {
  const child = spawn(file, args, {
    cwd: PROJECT,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: withinMs,
    killSignal: 'SIGKILL',
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGKILL')
    throw new Error(`${file} ${args.join(' ')}: killed after ${withinMs} ms\n${out}${err}`);
  return { exitCode, out, err };
}

/** The same for a command that has to succeed; gives what it printed on standard output. */
export async function mustRun(...args: Parameters<typeof runCommand>): Promise<string> {
  const { exitCode, out, err } = await runCommand(...args);
  if (exitCode === 0) return out;
  throw new Error(`${args[0]} ${args[1].join(' ')}: exit code ${exitCode}\n${out}${err}`);
}
