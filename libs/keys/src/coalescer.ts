/**
 * Interrupt coalescing: what becomes ready at moments close to each other goes on at one. The event loop awakes once for
 * all of it, and the code and data that the first has fetched into the processor's caches serve the others.
 */
export class Coalescer {
  readonly #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;

  /** Resolves within `ms`, in the same turn of the event loop as everything else that waits then. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      const dueMs = performance.now() + ms;
      if (dueMs >= this.#dueMs) return;
      this.#dueMs = dueMs;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#goOn(), ms);
    });
  }

  #goOn(): void {
    this.#dueMs = Infinity;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
