import { performance } from 'node:perf_hooks';
import type { Database, Transaction } from '#database';
import { AppError } from '#kernel';
import type { Logger, Metrics } from '#observability';
import {
  claimJob,
  finishJob,
  hasWaiting,
  requeueJob,
  type AttemptId,
  type JobOutcome,
} from './job-attempt.repository.js';
import type { JobKind } from './job-kind.js';
import { JOB_TIMES, backoffMs, type JobTimes } from './job-times.js';
import { RunningJob } from './running-job.js';

const MAX_FAILURES = 10;
/** Bytes of a result as JSON. */
const MAX_RESULT = 65_536;

export interface JobRunnerOptions {
  readonly database: Database;
  readonly kinds: readonly JobKind[];
  /** Shown to whoever looks for where a job runs; no two processes have the same. */
  readonly owner: string;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'jobAttempts'>;
  readonly times?: JobTimes;
}

/** How an attempt ended. `lost`: another one has the job. */
type Ending = JobOutcome['state'] | 'retried' | 'returned' | 'lost';

interface Throw {
  readonly running: RunningJob;
  readonly error: unknown;
  /** When it may be tried again; undefined where it has been often enough. */
  readonly retryMs: number | undefined;
}

/** Runs jobs of this process: leases them, lets their kind work, and says in their rows how it went. */
export class JobRunner {
  readonly #kinds: ReadonlyMap<string, JobKind>;
  readonly #running = new Set<RunningJob>();
  readonly #times: JobTimes;
  #returning = false;

  constructor(private readonly options: JobRunnerOptions) {
    this.#kinds = new Map(options.kinds.map((kind) => [kind.kind, kind]));
    if (this.#kinds.size < options.kinds.length) throw new TypeError('two kinds of jobs have one name');
    this.#times = options.times ?? JOB_TIMES;
  }

  /**
   * Runs the job of a tenant that has waited longest, if one is due, and resolves when this attempt is over, however it
   * went: with whether the tenant has one that waits. Throws `unavailable` where the database cannot be reached; the job
   * is then tried again, here or elsewhere.
   */
  async run(tenantId: string): Promise<boolean> {
    if (this.#returning) return true;
    const { database, owner } = this.options;
    const sinceMs = performance.now();
    const lease = { owner, leaseMs: this.#times.leaseMs, kinds: [...this.#kinds.keys()] };
    const [claimed, isLocked] = await database.transaction({ tenantId }, async (tx) => {
      const row = await claimJob(tx, tenantId, lease);
      // A sweeper may have had it for an instant: then the tenant is to be told of again.
      return [row, !row && (await hasWaiting(tx, tenantId, lease.kinds))] as const;
    });
    const kind = claimed && this.#kinds.get(claimed.kind);
    if (!kind) return isLocked;
    const running = new RunningJob(database, this.#times, tenantId, claimed, sinceMs);
    this.#running.add(running);
    try {
      if (this.#returning) running.stop('returned');
      return await this.#attempt(kind, running);
    } finally {
      running.end();
      this.#running.delete(running);
    }
  }

  /** Asks every running job to stop and to be continued elsewhere. What is not yet begun is not begun here. */
  returnAll(): void {
    this.#returning = true;
    for (const running of this.#running) running.stop('returned');
  }

  async #attempt(kind: JobKind, running: RunningJob): Promise<boolean> {
    const most = kind.maxFailures ?? MAX_FAILURES;
    if (running.failures >= most) {
      const error = new AppError('internal', { detail: 'The job was interrupted too often.' });
      return this.#close(kind, running, (tx, id) => this.#fail(tx, id, error));
    }
    let result: string;
    try {
      result = serialise(await kind.run(running));
    } catch (error) {
      this.#tell(kind, running, error);
      const failures = running.failures + 1;
      const retryMs = failures < most ? backoffMs(failures, this.#times) : undefined;
      return this.#close(kind, running, (tx, id) => this.#settle(tx, id, { running, error, retryMs }));
    }
    return this.#close(kind, running, async (tx, id) =>
      (await finishJob(tx, id, { state: 'succeeded', result })) ? 'succeeded' : 'lost',
    );
  }

  /** What becomes of a job whose run threw. */
  async #settle(tx: Transaction, id: AttemptId, { running, error, retryMs }: Throw): Promise<Ending> {
    switch (running.stopReason) {
      case 'lost':
        return 'lost';
      case 'cancelled':
        return (await finishJob(tx, id, { state: 'cancelled' })) ? 'cancelled' : 'lost';
      case 'returned':
        return (await requeueJob(tx, id, { delayMs: 0, failed: false })) ? 'returned' : 'lost';
      case undefined:
        if (retryMs === undefined || !isTransient(error)) return this.#fail(tx, id, error);
        return (await requeueJob(tx, id, { delayMs: retryMs, failed: true })) ? 'retried' : 'lost';
    }
  }

  async #fail(tx: Transaction, id: AttemptId, error: unknown): Promise<Ending> {
    // The text of what nobody meant to throw is not for callers.
    const { code, detail } = error instanceof AppError ? error : new AppError('internal');
    return (await finishJob(tx, id, { state: 'failed', error: { code, detail } })) ? 'failed' : 'lost';
  }

  /** What went wrong is for the log; the job's row has a code and a public sentence. */
  #tell({ kind }: JobKind, { id, stopReason }: RunningJob, error: unknown): void {
    if (stopReason !== undefined) return;
    const about = { err: error, job_id: id.jobId, kind, tenant: id.tenantId, attempt: id.attempt };
    if (isTransient(error)) this.options.logger.error(about, 'job failed');
    else this.options.logger.info(about, 'job refused');
  }

  /** Writes how an attempt ended, and gives whether a job of the tenant waits. Where that cannot be written, its lease runs out, and the job is run again. */
  async #close(
    { kind }: JobKind,
    running: RunningJob,
    write: (tx: Transaction, id: AttemptId) => Promise<Ending>,
  ): Promise<boolean> {
    const { database, logger, metrics } = this.options;
    const { tenantId, jobId, attempt } = running.id;
    const [ending, waiting] = await database.transaction(running.ctx, async (tx) => [
      await write(tx, running.id),
      await hasWaiting(tx, tenantId, [...this.#kinds.keys()]),
    ]);
    metrics.jobAttempts.inc({ kind, outcome: ending });
    // A long job gives way every few seconds.
    const level = ending === 'returned' ? 'debug' : 'info';
    logger[level]({ job_id: jobId, kind, tenant: tenantId, attempt, outcome: ending }, 'job');
    return waiting;
  }
}

/** Whether trying again may help. */
const isTransient = (error: unknown): boolean =>
  !(error instanceof AppError) || error.code === 'unavailable' || error.code === 'internal';

function serialise(result: unknown): string {
  const text = JSON.stringify(result ?? null);
  if (Buffer.byteLength(text) > MAX_RESULT) throw new TypeError('a job gave a result beyond 64 KiB');
  return text;
}
