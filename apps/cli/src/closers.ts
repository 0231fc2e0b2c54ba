/** What has to be let go of before the program ends: pools, and the server it runs. */
export class Closers {
  readonly #closers: (() => Promise<void>)[] = [];
  #closing: Promise<void> = Promise.resolve();

  /** `onError` is told of what cannot be closed; the rest is closed nevertheless. */
  constructor(private readonly onError: (error: unknown) => void) {}

  /** `close` is run before everything that was deferred earlier. */
  defer(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Closes each once, the newest first, and resolves when all are closed. May be called again, also meanwhile. */
  closeAll(): Promise<void> {
    this.#closing = this.#closing.then(() => this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      await close().catch(this.onError);
    }
  }
}
