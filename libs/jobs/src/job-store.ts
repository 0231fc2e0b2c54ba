import type { Transaction } from '#database';
import { AppError, newJobId, type RequestContext } from '#kernel';
import type { JobQueue } from './job-queue.js';
import { storedPrincipal } from './job-row.js';
import { viewJob, type JobView } from './job-view.js';
import { countUnfinished, insertJob } from './job.repository.js';
import { JOB_TIMES, type JobTimes } from './job-times.js';

/** Unfinished jobs of one tenant. */
const MOST_UNFINISHED = 1_000;
/** Bytes of a job's input as JSON. */
const MAX_INPUT = 1_048_576;

/** A job to be done. */
export interface JobRequest {
  /** Of a `JobKind` that the processes which run jobs know. */
  readonly kind: string;
  /** JSON that `run` is given; stored as it is until the job has ended, and then erased. **Never a secret in clear.** */
  readonly input: unknown;
  /** Of what `JobRun.progress` counts; 1 unless given. */
  readonly total?: number;
  /** Chosen beforehand by who may ask again; throws then where there is such a job. */
  readonly jobId?: string;
}

/** Where jobs begin: as a row, in the transaction of whoever wants them done. */
export class JobStore {
  constructor(
    private readonly queue: Pick<JobQueue, 'dispatch'>,
    private readonly times: JobTimes = JOB_TIMES,
  ) {}

  /**
   * Stores a job in `tx`, a transaction of the tenant of `ctx`, and tells the queue of it once that is committed. From
   * then on it will be run, whatever becomes of this process or of the queue. It acts in the name of `ctx`, and all
   * that was checked of the caller is checked by whoever enqueues. Gives the job as the API shows it.
   *
   * Throws `rate_limited` where the tenant has 1000 unfinished jobs, and `body_too_large` for an input beyond 1 MiB.
   */
  async enqueue(tx: Transaction, ctx: RequestContext, request: JobRequest): Promise<JobView> {
    const input = JSON.stringify(request.input ?? null);
    if (Buffer.byteLength(input) > MAX_INPUT) {
      throw new AppError('body_too_large', { detail: 'The job has more input than 1 MiB.' });
    }
    const { tenantId } = ctx;
    const place = await countUnfinished(tx, tenantId, MOST_UNFINISHED);
    if (place >= MOST_UNFINISHED) {
      throw new AppError('rate_limited', {
        detail: `There are ${MOST_UNFINISHED} unfinished jobs already.`,
        retryAfterS: 10,
      });
    }
    const { jobId = newJobId() } = request;
    const row = await insertJob(tx, {
      tenantId,
      jobId,
      kind: request.kind,
      total: request.total ?? 1,
      input,
      principal: storedPrincipal(ctx),
      requestId: ctx.requestId,
      dispatchInMs: this.times.redispatchMs,
    });
    tx.afterCommit(() => this.queue.dispatch(tenantId, place, jobId));
    return viewJob(row);
  }
}
