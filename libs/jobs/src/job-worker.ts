import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isTenantId } from '#kernel';
import type { Metrics } from '#observability';
import type { JobQueue } from './job-queue.js';
import { JobRunner, type JobRunnerOptions } from './job-runner.js';
import { JobSweeper } from './job-sweeper.js';
import { openReceiver, type Delivery, type QueueBackend } from './queue-backend.js';

/** Something that goes on for as long as a process runs jobs. */
export interface Chore {
  start(): void;
  close(): Promise<void>;
}

export interface JobWorkerOptions extends JobRunnerOptions {
  readonly metrics: Metrics;
  readonly backend: QueueBackend;
  readonly queue: JobQueue;
  /** Jobs that are run at a time. */
  readonly concurrency: number;
  /** What a process that runs jobs does beside them. */
  readonly chores?: readonly Chore[];
}

/** SQLSTATEs of a database whose owner has not made the queue's schema, or not granted it yet. */
const UNMADE = new Set(['42P01', '42501', '3F000']);
/** What keeps from receiving is told at most this often: it is tried many times a second. */
const TELL_MS = 10_000;
/** How long letting go of the queue may take when nothing is left to run. */
const PARTING_MS = 2_000;

/** Makes a process run jobs: receives deliveries, runs what is due of them, and sweeps. */
export class JobWorker {
  readonly #runner: JobRunner;
  readonly #sweeper: JobSweeper;
  readonly #chores: readonly Chore[];
  #tellFromMs = 0;
  #receiver: ReturnType<typeof openReceiver> | undefined;

  constructor(private readonly options: JobWorkerOptions) {
    this.#runner = new JobRunner(options);
    this.#chores = options.chores ?? [];
    const { database, queue, logger, times } = options;
    this.#sweeper = new JobSweeper(database, queue, logger, options.metrics, times);
  }

  /**
   * Resolves once jobs are run. With a Redis that is away, it resolves all the same, and they are run when it is back.
   * Throws `unavailable` where the database is the queue and its schema is missing.
   */
  async start(): Promise<void> {
    const { backend, concurrency, logger } = this.options;
    const receiver = openReceiver(backend, concurrency, ({ data }) => this.#receive(data));
    this.#receiver = receiver;
    receiver.on('error', (error) => this.#tell(error));
    // Not before: while a delivery is being worked on, the queue takes the same one for told.
    receiver.on('completed', ({ data, opts }, waiting) => {
      if (waiting) this.#tellAgain(data as Delivery, opts.priority ?? 0);
    });
    if (backend.redisUrl === undefined) {
      await receiver.waitUntilReady().catch(async (error: unknown) => {
        await receiver.close();
        explain(error);
      });
    }
    receiver.run().catch((error: unknown) => logger.error({ err: error }, 'jobs are not received any more'));
    for (const chore of [this.#sweeper, ...this.#chores]) chore.start();
  }

  /**
   * Begins no further job, lets running ones go on for `graceMs`, and then asks them to be continued elsewhere.
   * Resolves when none is left, or a little later where one does not react: its lease then runs out.
   */
  async close(graceMs: number): Promise<void> {
    await Promise.all([this.#sweeper, ...this.#chores].map((chore) => chore.close()));
    const returning = setTimeout(() => this.#runner.returnAll(), graceMs);
    try {
      await Promise.race([this.#receiver?.close(), delay(graceMs + PARTING_MS, undefined, { ref: false })]);
    } finally {
      clearTimeout(returning);
    }
  }

  #tell(error: Error): void {
    const now = performance.now();
    // A Redis that is away has been told of by the sending end.
    if (!this.options.queue.reachable || now < this.#tellFromMs) return;
    this.#tellFromMs = now + TELL_MS;
    this.options.logger.warn({ err: error }, 'jobs cannot be received');
  }

  /** A queue is believed nothing: what is run is what the tenant's rows say is due. */
  async #receive(delivery: unknown): Promise<boolean> {
    const { tenantId } = (delivery ?? {}) as Partial<Delivery>;
    return isTenantId(tenantId) && this.#runner.run(tenantId);
  }

  /** The tenant goes to the end of its place, behind the others there; to the first as well, which may have become free. */
  #tellAgain({ tenantId }: Delivery, place: number): void {
    for (const at of new Set([0, place])) this.options.queue.dispatch(tenantId, at);
  }
}

function explain(error: unknown): never {
  const { code, name } = error as { code?: string; name?: string };
  const detail =
    name === 'SchemaMigrationRequiredError' || UNMADE.has(code ?? '')
      ? 'The schema of the job queue is missing; run `claviger migrate`.'
      : 'The database cannot be used as the queue of jobs.';
  throw new AppError('unavailable', { detail, cause: error });
}
