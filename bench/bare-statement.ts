import { createHistogram } from 'node:perf_hooks';
import type pg from 'pg';
import type { Figures } from './measure.js';

/** A statement as the database alone answers it. */
export interface BareStatement {
  readonly tenant: string;
  readonly text: string;
  readonly params: readonly unknown[];
}

export type BareFigures = Pick<Figures, 'requests' | 'p50Ms' | 'p99Ms'>;

const WARM_UP = 5;

/**
 * Runs a prepared statement again and again, one at a time, in an open transaction of the tenant: under row-level
 * security, but with nothing of ours around it. `connection` is of the application's role.
 */
export async function timeStatement(
  connection: pg.Client,
  { tenant, text, params }: BareStatement,
  seconds: number,
): Promise<BareFigures> {
  const times = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  const query = { name: `bench-${tenant}-${text}`.slice(0, 63), text, values: [...params] };
  await connection.query('BEGIN');
  try {
    await connection.query(`SELECT set_config('claviger.tenant', $1, true)`, [tenant]);
    for (let n = 0; n < WARM_UP; n += 1) await connection.query(query);
    for (const since = performance.now(); performance.now() - since < seconds * 1_000;) {
      const before = process.hrtime.bigint();
      await connection.query(query);
      times.record(process.hrtime.bigint() - before);
    }
  } finally {
    await connection.query('ROLLBACK');
  }
  return { requests: times.count, p50Ms: times.percentile(50) / 1e6, p99Ms: times.percentile(99) / 1e6 };
}
