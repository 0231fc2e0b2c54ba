import type { Database } from '#database';
import type { Logger, Metrics } from '#observability';
import type { JobQueue } from './job-queue.js';
import { countJobs, removeFinishedJobs, takeDueJobs } from './job-sweep.repository.js';
import { JOB_TIMES, type JobTimes } from './job-times.js';

/** Jobs that one sweep takes. */
const MOST_SWEPT = 200;
/** Every so many sweeps, jobs are counted, and some of those that ended long ago removed. */
const SWEEPS_A_CENSUS = 5;
/** So many: 4 million a day, of one process. */
const MOST_REMOVED = 500;

/**
 * Tells the queue of every job that it should know of and that has not moved: whose first telling was lost, whose
 * process died, or whose next attempt is due. Removes jobs that ended long ago, of suspended tenants as well. Any number of processes may sweep. It asks as the system role, and an
 * idle sweep is one look at an index that holds unfinished jobs only.
 */
export class JobSweeper {
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #sweeps = 0;
  #closed = false;

  constructor(
    private readonly database: Database,
    private readonly queue: Pick<JobQueue, 'dispatch'>,
    private readonly logger: Logger,
    private readonly metrics: Pick<Metrics, 'setJobs'>,
    private readonly times: JobTimes = JOB_TIMES,
  ) {}

  start(): void {
    this.#sweeping = this.#turn();
  }

  /** Resolves when no sweep is under way, and none comes any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  /** One sweep. Throws `unavailable`. */
  async sweep(): Promise<void> {
    const due = await this.database.system('sweep-jobs', (tx) =>
      takeDueJobs(tx, MOST_SWEPT, this.times.redispatchMs),
    );
    const places = new Map<string, number>();
    for (const { tenantId, running } of due) {
      const place = places.get(tenantId) ?? running;
      places.set(tenantId, place + 1);
      this.queue.dispatch(tenantId, place);
    }
    if (this.#sweeps++ % SWEEPS_A_CENSUS === 0) {
      this.metrics.setJobs(await this.database.system('count-jobs', countJobs, { readOnly: true }));
      await this.database.system('remove-jobs', (tx) =>
        removeFinishedJobs(tx, MOST_REMOVED, this.times.keepMs),
      );
    }
  }

  async #turn(): Promise<void> {
    await this.sweep().catch((error: unknown) => this.logger.warn({ err: error }, 'jobs not swept'));
    if (this.#closed) return;
    this.#timer = setTimeout(() => void (this.#sweeping = this.#turn()), this.times.sweepMs).unref();
  }
}
