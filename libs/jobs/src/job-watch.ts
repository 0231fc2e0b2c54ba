import type { Database } from '#database';
import { AppError, type RequestContext } from '#kernel';
import { viewJob, type JobView } from './job-view.js';
import { findJob, listServedJobs, unknownJob } from './job.repository.js';

const POLL_MS = 500;
/** Watchers of one tenant, and of all, in one process. */
const MOST_OF_A_TENANT = 20;
const MOST = 500;

/** Is told of a job: as it is now, and whenever it has changed. Undefined: it is not to be watched any further. */
export type JobListener = (job: JobView | undefined) => void;

interface Watcher {
  readonly jobId: string;
  readonly tell: JobListener;
  shown: string;
}

/**
 * Watches jobs for any number of listeners, whichever process runs them: one timer, one statement a tenant, no
 * connection that is kept. A change between two looks is not seen, only what came of it.
 */
export class JobWatch {
  readonly #watchers = new Map<string, Set<Watcher>>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly pollMs: number = POLL_MS,
  ) {}

  /**
   * Tells `listener` of the job, at once and then within half a second of a change, until what this gives is called.
   * Throws `not_found`, and `rate_limited` where too many jobs of the tenant, or of all, are watched.
   */
  async watch(ctx: RequestContext, jobId: string, listener: JobListener): Promise<() => void> {
    const row = await this.database.transaction(ctx, (tx) => findJob(tx, ctx, jobId), { readOnly: true });
    if (!row) throw unknownJob();
    const watchers = this.#watchers.get(ctx.tenantId) ?? new Set();
    if (watchers.size >= MOST_OF_A_TENANT || this.#count >= MOST) {
      throw new AppError('rate_limited', { detail: 'Too many jobs are watched already.', retryAfterS: 5 });
    }
    const watcher: Watcher = { jobId, tell: listener, shown: '' };
    this.#watchers.set(ctx.tenantId, watchers.add(watcher));
    this.#count += 1;
    show(watcher, viewJob(row));
    this.#schedule();
    return () => this.#remove(ctx.tenantId, watcher);
  }

  #remove(tenantId: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(tenantId);
    if (!watchers?.delete(watcher)) return;
    this.#count -= 1;
    if (watchers.size === 0) this.#watchers.delete(tenantId);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#count === 0) return;
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    }, this.pollMs).unref();
  }

  /** One tenant after the other: a look at all of them takes one connection. */
  async #look(): Promise<void> {
    for (const [tenantId, watchers] of [...this.#watchers]) {
      const ids = [...new Set([...watchers].map(({ jobId }) => jobId))];
      const rows = await this.database
        .transaction({ tenantId }, (tx) => listServedJobs(tx, tenantId, ids), { readOnly: true })
        // Looked for again the next time; whoever listens has a time limit of its own.
        .catch(() => undefined);
      if (!rows) continue;
      const jobs = new Map(rows.map((row) => [row.job_id, viewJob(row)]));
      for (const watcher of [...watchers]) show(watcher, jobs.get(watcher.jobId));
    }
  }
}

function show(watcher: Watcher, job: JobView | undefined): void {
  const text = JSON.stringify(job ?? null);
  if (text === watcher.shown) return;
  watcher.shown = text;
  watcher.tell(job);
}
