/** What has to be let go of before the program ends: pools, and the server it runs. */
export class Closers {
  readonly #closers: (() => Promise<void>)[] = [];

  /** `onError` is told of what cannot be closed; the rest is closed nevertheless. */
  constructor(private readonly onError: (error: unknown) => void) {}

  /** `close` is run before everything that was deferred earlier. */
  defer(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Closes each once, the newest first. May be called again, also meanwhile. */
  async closeAll(): Promise<void> {
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      await close().catch(this.onError);
    }
  }
}
