import type { ConfigSource } from '#config';
import type { Closers } from './closers.js';
import type { ExitCode } from './exit-code.js';

/** What every command is given besides its arguments. */
export interface CommandContext {
  /** The environment to read; undefined: that of the process. */
  readonly env: ConfigSource | undefined;
  readonly closers: Closers;
  /** Tells the operator something beside the result. */
  readonly note: (text: string) => void;
}

export interface CommandResult {
  /** The one document that `--json` prints. */
  readonly json: object;
  /** What is printed otherwise, its last line feed included; may be empty. */
  readonly text: string;
  /** 0 unless given. */
  readonly exitCode?: ExitCode;
}
