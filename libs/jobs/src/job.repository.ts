import type { Transaction } from '#database';
import { AppError, isJobId, type RequestContext } from '#kernel';
import { JOB_COLUMNS, visibilitySql, type JobRow, type StoredPrincipal } from './job-row.js';

/** One answer for unknown, foreign and hidden jobs. */
export const unknownJob = (): AppError => new AppError('not_found', { detail: 'There is no such job.' });

/** A job to be stored. */
export interface NewJob {
  readonly tenantId: string;
  readonly jobId: string;
  readonly kind: string;
  readonly total: number;
  /** JSON text. */
  readonly input: string;
  readonly principal: StoredPrincipal;
  readonly requestId: string;
  /** When the sweeper may tell the queue of it, if it has not been run by then. */
  readonly dispatchInMs: number;
}

/** How many jobs of the tenant have not finished; counts to `most` only. */
export async function countUnfinished(tx: Transaction, tenantId: string, most: number): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `SELECT count(*)::int AS count
       FROM (SELECT 1 FROM job WHERE tenant_id = $1 AND state IN ('queued', 'running') LIMIT $2) AS unfinished`,
    [tenantId, most],
  );
  return row?.count ?? 0;
}

export async function insertJob(tx: Transaction, job: NewJob): Promise<JobRow> {
  const [row] = await tx.query<JobRow>(
    `INSERT INTO job AS j (tenant_id, job_id, kind, progress_total, input, principal, request_id, dispatch_ts)
     VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 millisecond') RETURNING ${JOB_COLUMNS}`,
    [
      job.tenantId,
      job.jobId,
      job.kind,
      job.total,
      job.input,
      JSON.stringify(job.principal),
      job.requestId,
      job.dispatchInMs,
    ],
  );
  return row!;
}

/** What a job of the tenant that the principal may know of meets; undefined for what is no id of a job. */
function namedJob(ctx: RequestContext, jobId: string): { condition: string; params: unknown[] } | undefined {
  // Not every text can be asked for: PostgreSQL has no U+0000.
  if (!isJobId(jobId)) return undefined;
  const params: unknown[] = [ctx.tenantId, jobId];
  const visible = visibilitySql(ctx, (value) => `$${params.push(value)}`);
  return { condition: `j.tenant_id = $1 AND j.job_id = $2 AND ${visible}`, params };
}

/** Finds a job of the transaction's tenant that the principal may know of. */
export async function findJob(
  tx: Transaction,
  ctx: RequestContext,
  jobId: string,
): Promise<JobRow | undefined> {
  const named = namedJob(ctx, jobId);
  if (!named) return undefined;
  const [row] = await tx.query<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM job j WHERE ${named.condition}`,
    named.params,
  );
  return row;
}

/** Those jobs of the tenant that there are, while the tenant is served. */
export const listServedJobs = (
  tx: Transaction,
  tenantId: string,
  jobIds: readonly string[],
): Promise<JobRow[]> =>
  tx.query<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM job j
      WHERE j.tenant_id = $1 AND j.job_id = ANY($2)
        AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.state = 'active')`,
    [tenantId, jobIds],
  );

/** Cancels what is queued and asks what is running to stop. Undefined where the job has finished, or is unknown. */
export async function cancelJob(
  tx: Transaction,
  ctx: RequestContext,
  jobId: string,
): Promise<JobRow | undefined> {
  const named = namedJob(ctx, jobId);
  if (!named) return undefined;
  const [row] = await tx.query<JobRow>(
    `UPDATE job j
        SET state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
            finished_ts = CASE state WHEN 'queued' THEN now() END,
            cancel_ts = COALESCE(cancel_ts, now()), updated_ts = now()
      WHERE ${named.condition} AND j.state IN ('queued', 'running')
     RETURNING ${JOB_COLUMNS}`,
    named.params,
  );
  return row;
}
