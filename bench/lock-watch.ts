import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from './stage.js';

const EVERY_MS = 5;

export interface LockWaits {
  readonly looks: number;
  /** In which part of them a backend waited for a lock of another: of a row, a transaction, or an advisory one. */
  readonly share: number;
}

/** Looks again and again whether a backend of the application waits for a lock. */
export class LockWatch {
  #looks = 0;
  #waits = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(private readonly stage: Stage) {}

  static async start(stage: Stage): Promise<LockWatch> {
    const watch = new LockWatch(stage);
    watch.#running = watch.#watch();
    return watch;
  }

  async stop(): Promise<LockWaits> {
    this.#stopped = true;
    await this.#running;
    return { looks: this.#looks, share: this.#waits / this.#looks };
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
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
