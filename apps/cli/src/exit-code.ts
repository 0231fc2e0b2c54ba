import { CommanderError } from 'commander';
import { ConfigError } from '#config';
import { AppError } from '#kernel';

/** What a script can tell the outcome by. `docs/CLI.md` and `--help` list the same. */
export const EXIT = Object.freeze({
  ok: 0,
  /** It did not work, or faults were found. */
  failed: 1,
  usage: 2,
  configuration: 3,
  notFound: 4,
  conflict: 5,
  /** The database cannot be reached, or another process holds the data folder. */
  unavailable: 6,
});

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Why a command did not work, for whoever or whatever ran it. */
export interface Failure {
  readonly exitCode: ExitCode;
  /** Machine-readable: a code of the API's error table, or `usage`, `configuration`, `root_ring`, `internal`. */
  readonly code: string;
  readonly message: string;
}

const BY_STATUS: ReadonlyMap<number, ExitCode> = new Map([
  [400, EXIT.usage],
  [404, EXIT.notFound],
  [409, EXIT.conflict],
  [412, EXIT.conflict],
  [503, EXIT.unavailable],
]);

function explainAppError(error: AppError): Failure {
  const places = error.errors.map(({ path, message }) => `${path} ${message}`);
  // A detail of its own says it all; the title of the code alone says too little.
  const bare = error.detail === error.row.title && places.length > 0;
  return {
    exitCode: BY_STATUS.get(error.row.status) ?? EXIT.failed,
    code: error.code,
    message: bare ? `${error.detail}: ${places.join('; ')}` : error.detail,
  };
}

/** Finds the exit code, the code and the sentence for whatever was thrown. */
export function explainFailure(error: unknown): Failure {
  if (error instanceof AppError) return explainAppError(error);
  if (error instanceof ConfigError) {
    return { exitCode: EXIT.configuration, code: 'configuration', message: error.problems.join('\n') };
  }
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '');
    return { exitCode: error.exitCode === 0 ? EXIT.ok : EXIT.usage, code: 'usage', message };
  }
  // By its name: most commands do without the library that has the class.
  if (error instanceof Error && error.name === 'RootRingError') {
    return { exitCode: EXIT.configuration, code: 'root_ring', message: error.message };
  }
  return {
    exitCode: EXIT.failed,
    code: 'internal',
    message: error instanceof Error ? error.message : String(error),
  };
}
