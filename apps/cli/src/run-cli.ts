import { CommanderError } from 'commander';
import type { ConfigSource } from '#config';
import type { Closers } from './closers.js';
import { explainFailure, type Failure } from './exit-code.js';
import { createProgram, type Act, type CommandOutput } from './program.js';

/** Where a run reads from and writes to. */
export interface CliSurroundings extends CommandOutput {
  /** Undefined: the environment of the process. */
  readonly env?: ConfigSource;
  /** Run at the end, whatever the end is; a signal runs them sooner. */
  readonly closers: Closers;
}

const render = ({ code, message }: Failure, json: boolean): string =>
  json
    ? `${JSON.stringify({ error: { code, message } })}\n`
    : `claviger: ${message.replaceAll('\n', '\n  ')}\n`;

/** Runs one command line, without the program's name, and gives its exit code. Throws nothing. */
export async function runCli(argv: readonly string[], surroundings: CliSurroundings): Promise<number> {
  const { env, out, err, closers } = surroundings;
  // Needed also where the command line cannot be read.
  const json = argv.includes('--json');
  let exitCode = 0;
  const act: Act = async (command, work) => {
    const quiet = json || command.optsWithGlobals<{ quiet?: boolean }>().quiet === true;
    const note = (text: string): void => void (quiet || err(`claviger: ${text}\n`));
    const result = await work({ env, closers, note });
    out(json ? `${JSON.stringify(result.json)}\n` : result.text);
    exitCode = result.exitCode ?? 0;
  };
  const program = createProgram(act, surroundings);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    const failure = explainFailure(error);
    exitCode = failure.exitCode;
    const told = error instanceof CommanderError && (exitCode === 0 || error.code === 'commander.help');
    if (!told || (json && exitCode !== 0)) err(render(failure, json));
  } finally {
    await closers.closeAll();
  }
  return exitCode;
}
