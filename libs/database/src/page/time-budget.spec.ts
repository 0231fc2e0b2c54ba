import { describe, expect, it } from 'vitest';
import type { SqlQuery } from '../sql-query.js';
import { TimeBudget } from './time-budget.js';

const QUERY: SqlQuery = { text: 'SELECT 1', params: [] };

/** A database where each statement takes as long as the test says, and which notes what it was set to. */
class SlowStatements {
  now = 1_000_000;
  readonly timeouts: unknown[] = [];
  taking = 0;

  run = <Row extends object>(query: SqlQuery): Promise<Row[]> => {
    if (query.text.includes('statement_timeout')) this.timeouts.push(query.params[0]);
    else this.now += this.taking;
    return Promise.resolve([]);
  };

  budget = (): TimeBudget => new TimeBudget(this, 1_000, { now: () => this.now });

  constructor(taking: number) {
    this.taking = taking;
  }
}

describe('a budget of time', () => {
  it('gives each statement what those before it left', async () => {
    const slow = new SlowStatements(300);
    const budget = slow.budget();
    for (let n = 0; n < 4; n += 1) await budget.run(QUERY);
    expect(slow.timeouts).toEqual(['700', '400', '100']);
  });

  it('begins no statement once it is spent', async () => {
    const slow = new SlowStatements(500);
    const budget = slow.budget();
    await budget.run(QUERY);
    await budget.run(QUERY);
    await expect(budget.run(QUERY)).rejects.toMatchObject({ code: 'filter_too_costly' });
    expect(slow.now).toBe(1_001_000);
  });

  it('costs quick statements no round trip', async () => {
    const slow = new SlowStatements(20);
    const budget = slow.budget();
    for (let n = 0; n < 5; n += 1) await budget.run(QUERY);
    expect(slow.timeouts).toEqual([]);
  });
});
