import { Database, createDataSource } from '#database';
import { JobQueue, JobStore, JobWorker, JOB_TIMES, type JobKind, type JobTimes, type JobView } from '#jobs';
import { PERMISSIONS, type RequestContext } from '#kernel';
import { Metrics, createLogger } from '#observability';
import { createTestDatabase, type TestDatabase } from './postgres.js';

/** As in the product, but for how long one waits. */
export const QUICK: JobTimes = {
  ...JOB_TIMES,
  leaseMs: 1_500,
  redispatchMs: 1_000,
  sweepMs: 100,
  retryMs: 50,
};

/** Jobs without the rest: a database, a queue and what runs them. */
export class JobStage {
  readonly metrics = new Metrics();
  readonly logs: string[] = [];
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly logger = createLogger({
    level: 'info',
    destination: { write: (line) => void this.logs.push(line) },
  });

  private constructor(
    readonly test: TestDatabase,
    readonly database: Database,
    private readonly redisUrl: string | undefined,
  ) {}

  /** Two tenants, acme and globex. */
  static async open(redisUrl?: string): Promise<JobStage> {
    const test = await createTestDatabase();
    const source = createDataSource({ url: test.appUrl, poolSize: 10, applicationName: 'test' });
    const database = new Database(await source.initialize());
    await database.system('test', (tx) => tx.query(`INSERT INTO tenant (id) VALUES ('acme'), ('globex')`));
    return new JobStage(test, database, redisUrl);
  }

  /** Who asks for jobs. */
  ctx(tenantId = 'acme', narrowing?: { keys: string[]; aliases: string[]; tags: string[] }): RequestContext {
    const principal = { issuer: 'urn:test', subject: 'tester', tenantId, permissions: new Set(PERMISSIONS) };
    return { tenantId, requestId: 'request-1', principal: { ...principal, ...(narrowing && { narrowing }) } };
  }

  /** A sending end of its own, as each process has one. */
  queue(): JobQueue {
    const queue = new JobQueue({ redisUrl: this.redisUrl, databaseUrl: this.test.appUrl }, this.logger);
    this.#closers.unshift(() => queue.close());
    return queue;
  }

  /** A process that runs jobs. */
  async worker(kinds: readonly JobKind[], times = QUICK, concurrency = 4): Promise<JobWorker> {
    const worker = new JobWorker({
      database: this.database,
      backend: { redisUrl: this.redisUrl, databaseUrl: this.test.appUrl },
      queue: this.queue(),
      kinds,
      owner: crypto.randomUUID(),
      logger: this.logger,
      metrics: this.metrics,
      concurrency,
      times,
    });
    this.#closers.unshift(() => worker.close(0));
    await worker.start();
    return worker;
  }

  /** Enqueues as a request does. */
  enqueue(
    queue: Pick<JobQueue, 'dispatch'>,
    kind: string,
    input: unknown = null,
    { total = 1, ctx = this.ctx() } = {},
  ): Promise<JobView> {
    const store = new JobStore(queue, QUICK);
    return this.database.transaction(ctx, (tx) => store.enqueue(tx, ctx, { kind, input, total }));
  }

  /** The row, all of it. */
  async row(jobId: string, tenantId = 'acme'): Promise<Record<string, unknown>> {
    const [row] = await this.database.transaction({ tenantId }, (tx) =>
      tx.query('SELECT * FROM job WHERE job_id = $1', [jobId]),
    );
    return row ?? {};
  }

  /** Makes it the job of its tenant that has waited longest. */
  async prefer(jobId: string, tenantId = 'acme'): Promise<void> {
    await this.database.transaction({ tenantId }, (tx) =>
      tx.query(`UPDATE job SET due_ts = 'epoch' WHERE job_id = $1`, [jobId]),
    );
  }

  /** Cancels whatever has not finished. */
  async cancelAll(): Promise<void> {
    for (const tenantId of ['acme', 'globex'])
      await this.database.transaction({ tenantId }, (tx) =>
        tx.query(`UPDATE job SET state = 'cancelled', finished_ts = now(), lease_owner = NULL
                   WHERE state IN ('queued', 'running')`),
      );
  }

  /** Ends every process there is. */
  async endAll(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
  }

  async close(): Promise<void> {
    await this.endAll();
    await this.database.close();
    await this.test.drop();
  }
}
