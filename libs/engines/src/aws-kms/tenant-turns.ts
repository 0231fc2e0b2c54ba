import { ConcurrencyLimit } from '#crypto';
import { AppError } from '#kernel';

/** The longest that work waits for its turn. */
const MAX_WAIT_MS = 60_000;

export interface TurnsOptions {
  /** How much is under way at once. */
  readonly atOnce: number;
  /** How much of one tenant may wait. */
  readonly waiting: number;
  /** The least time between the end of one and the begin of the next. */
  readonly intervalMs?: number;
}

/** Work that AWS KMS takes little of from an account: a few at once, and tenants take turns. */
export class TenantTurns {
  readonly #turns: ConcurrencyLimit;
  readonly #intervalMs: number;
  #nextMs = 0;

  constructor({ atOnce, waiting, intervalMs = 0 }: TurnsOptions) {
    this.#turns = new ConcurrencyLimit(atOnce, waiting);
    this.#intervalMs = intervalMs;
  }

  /**
   * Runs the work when its turn comes. Throws `rate_limited` where too much of the tenant waits, and `unavailable` where
   * the turn does not come in time; then nothing was begun.
   */
  run<T>(tenantId: string, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(late());
      }, MAX_WAIT_MS);
      const begin = async (): Promise<T> => {
        if (!isLate) await this.#interval();
        if (isLate) throw late();
        clearTimeout(timer);
        return task().finally(() => (this.#nextMs = performance.now() + this.#intervalMs));
      };
      this.#turns
        .run(tenantId, begin)
        .finally(() => clearTimeout(timer))
        .then(resolve, reject);
    });
  }

  async #interval(): Promise<void> {
    // Timers may fire a moment early.
    for (let left = this.#left(); left > 0; left = this.#left()) {
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(left)));
    }
  }

  #left(): number {
    return this.#nextMs - performance.now();
  }
}

const late = (): AppError =>
  new AppError('unavailable', { detail: 'Too much of this work in AWS KMS is waiting.', retryAfterS: 60 });
