import type { Transaction } from '#database';

/** A job that a queue should know of. */
export interface DueJob {
  readonly tenantId: string;
  /** How many jobs of the tenant are being run. */
  readonly running: number;
}

/** Unfinished jobs of all tenants, in numbers. */
export interface JobCensus {
  readonly kind: string;
  readonly state: 'queued' | 'running';
  readonly count: number;
  /** How long the one that has waited longest could have been run, in seconds; of running ones, nothing. */
  readonly oldest_s: number;
}

/**
 * As the system role: takes jobs that nobody has moved in time, the longest waiting first, and puts each off by
 * `againInMs`, so that no other sweep takes it meanwhile. Those of suspended tenants wait.
 */
export async function takeDueJobs(tx: Transaction, most: number, againInMs: number): Promise<DueJob[]> {
  return tx.query<DueJob>(
    `WITH due AS (
       SELECT j.tenant_id, j.job_id FROM job j
        WHERE j.state IN ('queued', 'running') AND j.dispatch_ts <= now()
          AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = j.tenant_id AND t.state = 'active')
        ORDER BY j.dispatch_ts LIMIT $1 FOR UPDATE OF j SKIP LOCKED)
     UPDATE job j SET dispatch_ts = now() + $2 * interval '1 millisecond'
       FROM due WHERE j.tenant_id = due.tenant_id AND j.job_id = due.job_id
     RETURNING j.tenant_id AS "tenantId",
               (SELECT count(*)::int FROM job r
                 WHERE r.tenant_id = j.tenant_id AND r.state = 'running' AND r.dispatch_ts > now()) AS running`,
    [most, againInMs],
  );
}

/** As the system role. */
export const countJobs = (tx: Transaction): Promise<JobCensus[]> =>
  tx.query<JobCensus>(
    `SELECT kind, state, count(*)::int AS count, greatest(0, extract(epoch FROM now() - min(due_ts)))::float8 AS oldest_s
       FROM job WHERE state IN ('queued', 'running') GROUP BY kind, state`,
  );

/** As the system role: removes jobs that ended longer than `keepMs` ago, the oldest first. Gives how many. */
export const removeFinishedJobs = (tx: Transaction, most: number, keepMs: number): Promise<number> =>
  tx.execute(
    `DELETE FROM job WHERE (tenant_id, job_id) IN (
       SELECT tenant_id, job_id FROM job WHERE finished_ts < now() - $2 * interval '1 millisecond'
        ORDER BY finished_ts LIMIT $1 FOR UPDATE SKIP LOCKED)`,
    [most, keepMs],
  );
