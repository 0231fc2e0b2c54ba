import { systemClock, type Clock } from '#kernel';
import { tooCostly } from '../filter/listing-error.js';
import type { SqlQuery } from '../sql-query.js';
import type { StatementRunner } from './page.js';

/** Below this much spent, the next statement still gets the whole budget: a round trip more would cost a tenth of it. */
const SPARE = 0.1;

/**
 * Bounds statements together: each may take what those before it left of the budget, and no more than a tenth above
 * it all together. `tx` is set to the same budget for a single statement (`statement_timeout`).
 */
export class TimeBudget implements StatementRunner {
  readonly #begin: number;

  constructor(
    private readonly tx: StatementRunner,
    private readonly budgetMs: number,
    private readonly clock: Clock = systemClock,
  ) {
    this.#begin = clock.now();
  }

  /** Throws `filter_too_costly` when the budget is spent, and PostgreSQL's own error when it is meanwhile. */
  async run<Row extends object>(query: SqlQuery): Promise<Row[]> {
    const spent = this.clock.now() - this.#begin;
    if (spent >= this.budgetMs) throw tooCostly();
    if (spent > this.budgetMs * SPARE) {
      const left = String(Math.ceil(this.budgetMs - spent));
      await this.tx.run({ text: `SELECT set_config('statement_timeout', $1, true)`, params: [left] });
    }
    return this.tx.run<Row>(query);
  }
}
