import type { Transaction } from '#database';
import type { StoredPrincipal } from './job-row.js';

/** Names one attempt at a job. Whatever an attempt writes is refused once there is a newer one. */
export interface AttemptId {
  readonly tenantId: string;
  readonly jobId: string;
  readonly attempt: number;
}

/** A job as the process that has it leased sees it. */
export interface ClaimedRow {
  job_id: string;
  kind: string;
  input: unknown;
  attempt: number;
  /** Of the attempts before, since one of them got further. */
  failures: number;
  progress_done: number;
  progress_total: number;
  principal: StoredPrincipal;
  request_id: string;
  cancelled: boolean;
}

/** What a running attempt is told when it renews its lease. */
export interface LeaseRow {
  cancelled: boolean;
  /** Whether the tenant is served. */
  served: boolean;
}

export interface JobOutcome {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  /** JSON text. */
  readonly result?: string;
  readonly error?: { readonly code: string; readonly detail: string };
}

const SERVED = `EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.state = 'active')`;
const IS_ATTEMPT = `tenant_id = $1 AND job_id = $2 AND attempt = $3 AND state = 'running'`;
const named = ({ tenantId, jobId, attempt }: AttemptId): unknown[] => [tenantId, jobId, attempt];
const after = (placeholder: string): string => `now() + ${placeholder} * interval '1 millisecond'`;

/**
 * Leases the job of the tenant that has waited longest, of those that are due: of any number of processes that try, one
 * gets it. A running job is due when its lease has run out, which counts as a failure. Undefined where none of `kinds` is
 * due and nobody's at this moment, or the tenant is not served.
 */
export async function claimJob(
  tx: Transaction,
  tenantId: string,
  lease: { readonly owner: string; readonly leaseMs: number; readonly kinds: readonly string[] },
): Promise<ClaimedRow | undefined> {
  const [row] = await tx.query<ClaimedRow>(
    `UPDATE job
        SET state = 'running', attempt = attempt + 1, failures = failures + (state = 'running')::int,
            lease_owner = $2, due_ts = ${after('$3')}, dispatch_ts = ${after('$3')}, updated_ts = now()
      WHERE tenant_id = $1 AND job_id = (
        SELECT job_id FROM job
         WHERE tenant_id = $1 AND state IN ('queued', 'running') AND due_ts <= now() AND kind = ANY($4) AND ${SERVED}
         ORDER BY due_ts, job_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
     RETURNING job_id, kind, input, attempt, failures, progress_done, progress_total, principal, request_id,
               cancel_ts IS NOT NULL AS cancelled`,
    [tenantId, lease.owner, lease.leaseMs, lease.kinds],
  );
  return row;
}

/** Renews the lease, and notes progress if there is any, which makes up for failures. Undefined where the attempt is no longer the job's. */
export async function renewLease(
  tx: Transaction,
  id: AttemptId,
  leaseMs: number,
  done?: number,
): Promise<LeaseRow | undefined> {
  const [row] = await tx.query<LeaseRow>(
    `UPDATE job
        SET due_ts = ${after('$4')}, dispatch_ts = ${after('$4')}, progress_done = COALESCE($5::int, progress_done),
            failures = CASE WHEN $5::int > progress_done THEN 0 ELSE failures END,
            updated_ts = CASE WHEN $5::int IS NULL THEN updated_ts ELSE now() END
      WHERE ${IS_ATTEMPT}
     RETURNING cancel_ts IS NOT NULL AS cancelled, ${SERVED} AS served`,
    [...named(id), leaseMs, done ?? null],
  );
  return row;
}

/** Locks the job until the transaction ends. Whether the attempt is still the job's. */
export async function lockAttempt(tx: Transaction, id: AttemptId): Promise<boolean> {
  const rows = await tx.query(`SELECT 1 FROM job WHERE ${IS_ATTEMPT} FOR NO KEY UPDATE`, named(id));
  return rows.length > 0;
}

/** Ends the job. Whether the attempt was still the job's; if not, nothing was changed. */
export async function finishJob(tx: Transaction, id: AttemptId, outcome: JobOutcome): Promise<boolean> {
  const { state, result, error } = outcome;
  const changed = await tx.execute(
    `UPDATE job
        SET state = $4, result = $5::jsonb, error_code = $6, error_detail = $7, lease_owner = NULL,
            progress_done = CASE $4 WHEN 'succeeded' THEN progress_total ELSE progress_done END,
            finished_ts = now(), updated_ts = now()
      WHERE ${IS_ATTEMPT}`,
    [...named(id), state, result ?? null, error?.code ?? null, error?.detail ?? null],
  );
  return changed > 0;
}

/** Puts the job back into the queue, to be run after `delayMs`. Whether the attempt was still the job's. */
export async function requeueJob(
  tx: Transaction,
  id: AttemptId,
  { delayMs, failed }: { readonly delayMs: number; readonly failed: boolean },
): Promise<boolean> {
  const changed = await tx.execute(
    `UPDATE job
        SET state = 'queued', lease_owner = NULL, failures = failures + $5::int, due_ts = ${after('$4')},
            dispatch_ts = ${after('$4')}, updated_ts = now()
      WHERE ${IS_ATTEMPT}`,
    [...named(id), delayMs, failed ? 1 : 0],
  );
  return changed > 0;
}

/** Whether the tenant has a job of these kinds that could be run now. */
export async function hasWaiting(
  tx: Transaction,
  tenantId: string,
  kinds: readonly string[],
): Promise<boolean> {
  const rows = await tx.query(
    `SELECT 1 FROM job
      WHERE tenant_id = $1 AND state = 'queued' AND due_ts <= now() AND kind = ANY($2) AND ${SERVED} LIMIT 1`,
    [tenantId, kinds],
  );
  return rows.length > 0;
}
