import { accessSync, appendFileSync, constants, renameSync, statSync } from 'node:fs';

/** Bytes of a log file; the one before it is kept as `.1`. */
const SIZE_LIMIT = 5 * 1024 * 1024;
const TAIL_LENGTH = 4_096;

/** Keeps what the database's server says in a file of ours of bounded size, and its last words at hand. */
export class ServerLog {
  #size: number;
  #tail = '';

  constructor(private readonly file: string) {
    this.#size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    try {
      if (this.#size > 0) accessSync(file, constants.W_OK);
    } catch {
      // An earlier start ran as another user.
      this.#rotate();
    }
  }

  /** The end of what was written so far. */
  get tail(): string {
    return this.#tail;
  }

  /** A log that cannot be written (disk full) must not end the server: the tail has it still. */
  write(chunk: Buffer): void {
    this.#tail = (this.#tail + chunk.toString('utf8')).slice(-TAIL_LENGTH);
    try {
      if (this.#size + chunk.length > SIZE_LIMIT) this.#rotate();
      appendFileSync(this.file, chunk, { mode: 0o600 });
      this.#size += chunk.length;
    } catch {
      return;
    }
  }

  #rotate(): void {
    renameSync(this.file, `${this.file}.1`);
    this.#size = 0;
  }
}
