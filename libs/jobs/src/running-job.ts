import { performance } from 'node:perf_hooks';
import type { Database, Transaction } from '#database';
import { AppError, type RequestContext } from '#kernel';
import { lockAttempt, renewLease, type AttemptId, type ClaimedRow } from './job-attempt.repository.js';
import type { JobRun } from './job-kind.js';
import { contextOf } from './job-row.js';
import type { JobTimes } from './job-times.js';

/** Why an attempt should stop. `returned`: the job goes back into the queue, and nothing has failed. */
export type StopReason = 'cancelled' | 'lost' | 'returned';

const STOPS: Readonly<Record<StopReason, () => AppError>> = {
  cancelled: () => new AppError('job_state', { detail: 'The job was cancelled.' }),
  lost: () => new AppError('unavailable', { detail: 'The attempt is no longer that of its job.' }),
  returned: () => new AppError('unavailable', { detail: 'The job is continued elsewhere.' }),
};

/** An attempt under way: keeps its lease, and learns from it when to stop. */
export class RunningJob implements JobRun {
  readonly ctx: RequestContext;
  readonly input: unknown;
  readonly done: number;
  readonly total: number;
  readonly id: AttemptId;
  /** Attempts that failed since the job last got further, this one not counted. */
  failures: number;
  readonly #turnEndsMs: number;
  readonly #stop = new AbortController();
  #reason: StopReason | undefined;
  #beat: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    private readonly database: Database,
    private readonly times: Pick<JobTimes, 'leaseMs' | 'turnMs'>,
    tenantId: string,
    claimed: ClaimedRow,
    claimedMs: number,
  ) {
    this.id = { tenantId, jobId: claimed.job_id, attempt: claimed.attempt };
    this.#turnEndsMs = claimedMs + times.turnMs;
    this.ctx = contextOf(tenantId, claimed.principal, claimed.request_id);
    this.input = claimed.input;
    this.done = claimed.progress_done;
    this.total = claimed.progress_total;
    this.failures = claimed.failures;
    if (claimed.cancelled) this.stop('cancelled');
    this.#leased(claimedMs);
    this.#schedule();
  }

  get jobId(): string {
    return this.id.jobId;
  }

  get attempt(): number {
    return this.id.attempt;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Undefined while nothing speaks against going on. */
  get stopReason(): StopReason | undefined {
    return this.#reason;
  }

  async progress(done: number): Promise<void> {
    this.signal.throwIfAborted();
    await this.#renew(done);
    if (done > this.done) this.failures = 0;
    // Only what has got further is handed back: else it might never come to its end.
    const gotFurther = done > this.done && done < this.total;
    if (gotFurther && performance.now() >= this.#turnEndsMs) this.stop('returned');
    this.signal.throwIfAborted();
  }

  async hold(tx: Transaction): Promise<void> {
    if (!(await lockAttempt(tx, this.id))) this.stop('lost');
    if (this.#reason === 'lost') this.signal.throwIfAborted();
  }

  /** Asks the attempt to stop. The first reason counts, but a lost lease outweighs any. */
  stop(reason: StopReason): void {
    if (this.#reason === undefined || reason === 'lost') this.#reason = reason;
    this.#stop.abort(STOPS[reason]());
  }

  /** The run is over: the lease is not renewed any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#beat);
    clearTimeout(this.#expiry);
  }

  /** The lease is good from `sinceMs` on, when it was asked for: the database's own count began no sooner. */
  #leased(sinceMs: number): void {
    clearTimeout(this.#expiry);
    const leftMs = sinceMs + this.times.leaseMs - performance.now();
    this.#expiry = setTimeout(() => this.stop('lost'), Math.max(0, leftMs)).unref();
  }

  #schedule(): void {
    if (this.#ended || this.#reason === 'lost') return;
    // What cannot be renewed now is tried again, until the lease has run out.
    this.#beat = setTimeout(() => {
      void this.#renew()
        .catch(() => undefined)
        .finally(() => this.#schedule());
    }, this.times.leaseMs / 3).unref();
  }

  async #renew(done?: number): Promise<void> {
    const sinceMs = performance.now();
    const lease = await this.database.transaction(this.ctx, (tx) =>
      renewLease(tx, this.id, this.times.leaseMs, done),
    );
    if (this.#ended) return;
    if (!lease) return this.stop('lost');
    this.#leased(sinceMs);
    if (lease.cancelled) this.stop('cancelled');
    else if (!lease.served) this.stop('returned');
  }
}
