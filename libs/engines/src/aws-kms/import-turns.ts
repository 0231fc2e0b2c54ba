import { setTimeout as delay } from 'node:timers/promises';
import { ConcurrencyLimit } from '#crypto';
import { AppError } from '#kernel';

/** AWS KMS gives an account one set of import parameters in four seconds. */
export const IMPORT_INTERVAL_MS = 4_000;
/** Imports of one tenant that may wait. */
const WAITING = 4;
/** The longest that an import waits for its turn. */
const MAX_WAIT_MS = 60_000;

/** One import at a time, each begun so long after the one before that the account's quota is kept; tenants take turns. */
export class ImportTurns {
  readonly #turns = new ConcurrencyLimit(1, WAITING);
  #nextMs = 0;

  constructor(private readonly intervalMs: number) {}

  /**
   * Runs the import when its turn comes. Throws `rate_limited` where too many of the tenant wait, and `unavailable` where
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
        return task().finally(() => (this.#nextMs = performance.now() + this.intervalMs));
      };
      this.#turns
        .run(tenantId, begin)
        .finally(() => clearTimeout(timer))
        .then(resolve, reject);
    });
  }

  async #interval(): Promise<void> {
    // Timers may fire a moment early.
    for (let left = this.#left(); left > 0; left = this.#left()) await delay(Math.ceil(left));
  }

  #left(): number {
    return this.#nextMs - performance.now();
  }
}

const late = (): AppError =>
  new AppError('unavailable', {
    detail: 'Too many imports into AWS KMS are waiting: the account takes one in four seconds.',
    retryAfterS: 60,
  });
