import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from './stage.js';

const EVERY_MS = 5;

export interface LockWaits {
  readonly looks: number;
  /** In which part of them a backend waited for a lock of another: of a row, a transaction, or an advisory one. */
  readonly share: number;
}

/** Looks again and again, while some work is done, whether a backend of the application waits for a lock. */
export class LockWatch {
  #looks = 0;
  #waits = 0;

  constructor(private readonly stage: Stage) {}

  /** All that was seen so far. */
  get waits(): LockWaits {
    return { looks: this.#looks, share: this.#waits / this.#looks };
  }

  /** Looks for as long as the work takes. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const ended = new AbortController();
    const looking = this.#lookUntil(ended.signal);
    try {
      return await work();
    } finally {
      ended.abort();
      await looking;
    }
  }

  async #lookUntil(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const { rows } = await this.stage.owner.query<{ waiting: boolean }>({
        name: 'bench-lock-watch',
        text: `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted) AS waiting`,
      });
      this.#looks += 1;
      if (rows[0]?.waiting) this.#waits += 1;
      await delay(EVERY_MS);
    }
  }
}
