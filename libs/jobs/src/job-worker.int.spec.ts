import { EventEmitter, once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AppError } from '#kernel';
import { superuserUrl, withClient } from '../../../test/e2e/platform/database-access.js';
import { JobStage, QUICK } from '../../../test/harness/job-stage.js';
import { RedisServer } from '../../../test/harness/redis.js';
import type { JobKind, JobRun } from './job-kind.js';
import type { JobView } from './job-view.js';
import { openQueue, openRedis } from './queue-backend.js';

/** What a test makes of a kind, and what it saw of its runs. */
class TestKind implements JobKind {
  readonly seen: JobRun[] = [];

  constructor(
    readonly kind: string,
    private readonly work: (job: JobRun) => Promise<unknown>,
    readonly maxFailures = 10,
  ) {}

  run(job: JobRun): Promise<unknown> {
    this.seen.push(job);
    return this.work(job);
  }
}

/** Settles when it is told to, and says when somebody waits for it. */
class Gate {
  readonly #events = new EventEmitter();
  readonly reached = once(this.#events, 'reached');
  readonly #opened = once(this.#events, 'open');

  open(): void {
    this.#events.emit('open');
  }

  async pass(): Promise<void> {
    this.#events.emit('reached');
    await this.#opened;
  }
}

const until = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

describe.each(['PostgreSQL', 'Redis'])('a job that %s tells of', (backend) => {
  let redis: RedisServer | undefined;
  let stage: JobStage;

  const stateOf = async (jobId: string): Promise<unknown> => (await stage.row(jobId)).state;
  const ends = (jobId: string, state: string): Promise<void> =>
    expect.poll(() => stateOf(jobId), { timeout: 15_000, interval: 30 }).toBe(state);

  beforeAll(async () => {
    if (backend === 'Redis') redis = await RedisServer.start();
    stage = await JobStage.open(redis?.url);
  });

  /** A delivery left over gives its tenant one more turn than it has jobs. */
  const forgetDeliveries = async (): Promise<void> => {
    const connection = redis && openRedis(redis.url);
    const queue = openQueue({ redisUrl: redis?.url, databaseUrl: stage.test.appUrl }, connection);
    try {
      await queue.waitUntilReady();
      await queue.drain();
    } finally {
      await queue.close();
      connection?.disconnect();
    }
  };

  // A process that does not know a kind would take the next test's deliveries, for nothing.
  afterEach(async () => {
    await stage.endAll();
    await forgetDeliveries();
  });

  afterAll(async () => {
    await stage.close();
    await redis?.stop();
  });

  it('is run with what was asked, in the name of who asked, and leaves its result', async () => {
    const kind = new TestKind('test.plain', async (job) => {
      await job.progress(1);
      return { made: job.input };
    });
    await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind, { n: 7 }, { total: 2 });
    await ends(id, 'succeeded');
    expect(kind.seen).toHaveLength(1);
    expect(kind.seen[0]).toMatchObject({ jobId: id, input: { n: 7 }, attempt: 1, done: 0, total: 2 });
    expect(kind.seen[0]?.ctx).toEqual(stage.ctx());
    expect(await stage.row(id)).toMatchObject({ result: { made: { n: 7 } }, progress_done: 2, failures: 0 });
  });

  it('is run once, however often it is told of and by however many processes', async () => {
    const gate = new Gate();
    const kind = new TestKind('test.once', () => gate.pass());
    await Promise.all([stage.worker([kind]), stage.worker([kind])]);
    const queues = [stage.queue(), stage.queue()];
    const { job_id: jobId } = await stage.enqueue(queues[0]!, kind.kind);
    for (const queue of queues) for (let n = 0; n < 10; n += 1) queue.dispatch('acme', n, jobId);
    await gate.reached;
    for (const queue of queues) queue.dispatch('acme', 0, jobId);
    gate.open();
    await ends(jobId, 'succeeded');
    queues[1]!.dispatch('acme', 0, jobId);
    // Whatever was delivered before this one has been seen to.
    const { job_id: last } = await stage.enqueue(queues[1]!, kind.kind);
    await ends(last, 'succeeded');
    expect(kind.seen.filter((run) => run.jobId === jobId)).toHaveLength(1);
  });

  it('of a tenant with few goes before those of a tenant with many', async () => {
    const gate = new Gate();
    const order: string[] = [];
    const kind = new TestKind('test.fair', async (job) => {
      if (job.input === 'first') return gate.pass();
      order.push(job.ctx.tenantId);
    });
    await stage.worker([kind], { ...QUICK, redispatchMs: 60_000, sweepMs: 60_000 }, 1);
    const queue = stage.queue();
    await expect.poll(() => queue.reachable).toBe(true);
    await stage.enqueue(queue, kind.kind, 'first');
    await gate.reached;
    for (let n = 0; n < 4; n += 1) await stage.enqueue(queue, kind.kind, n);
    await stage.enqueue(queue, kind.kind, 'only', { ctx: stage.ctx('globex') });
    // Resolves once the queue has what it was told.
    await queue.close();
    gate.open();
    await expect.poll(() => order.length, { timeout: 10_000 }).toBe(5);
    expect(order).toEqual(['globex', 'acme', 'acme', 'acme', 'acme']);
  });

  it('gives way when it has had its turn, and goes on where it was', async () => {
    const turns: string[] = [];
    const total = 3;
    const kind = new TestKind('test.turns', async (job) => {
      turns.push(`${job.ctx.tenantId} ${String(job.input)}`);
      for (let done = job.done; done < total; done += 1) await job.progress(done + 1);
      return job.done;
    });
    const gate = new Gate();
    const first = new TestKind('test.first', () => gate.pass());
    // Every turn is one step. No sweep helps, nor has a job for the instant in which its turn would come.
    const times = { ...QUICK, redispatchMs: 60_000, sweepMs: 60_000, turnMs: 0 };
    await stage.worker([kind, first], times, 1);
    const queue = stage.queue();
    await expect.poll(() => queue.reachable).toBe(true);
    await stage.enqueue(queue, first.kind);
    await gate.reached;
    const jobs: JobView[] = [];
    for (const input of [1, 2]) jobs.push(await stage.enqueue(queue, kind.kind, input, { total }));
    jobs.push(await stage.enqueue(queue, kind.kind, 'only', { total, ctx: stage.ctx('globex') }));
    await queue.close();
    gate.open();
    for (const { job_id: id } of jobs.slice(0, 2)) await ends(id, 'succeeded');
    const only = async (): Promise<unknown> => (await stage.row(jobs[2]!.job_id, 'globex')).state;
    await expect.poll(only, { timeout: 15_000 }).toBe('succeeded');
    expect(await stage.row(jobs[0]!.job_id)).toMatchObject({ result: 2, attempt: 3, failures: 0 });
    expect(turns.filter((turn) => turn === 'acme 1')).toHaveLength(3);
    expect(turns.filter((turn) => turn === 'globex only')).toHaveLength(3);
    // A tenant's own jobs take turns as well.
    expect(turns.filter((turn) => turn.startsWith('acme'))).toEqual([
      'acme 1',
      'acme 2',
      'acme 1',
      'acme 2',
      'acme 1',
      'acme 2',
    ]);
  });

  it('of one tenant begins long before four long ones of another end, which have every place', async () => {
    const gate = new Gate();
    let steps = 0;
    let begunAt = Infinity;
    const total = 25;
    const kind = new TestKind('test.long', async (job) => {
      for (let done = job.done; done < total; done += 1) {
        if ((steps += 1) >= 10) await Promise.race([gate.pass(), until(job.signal)]);
        await job.progress(done + 1);
      }
    });
    const short = new TestKind('test.short', async () => void (begunAt = steps));
    await stage.worker([kind, short], { ...QUICK, leaseMs: 15_000, turnMs: 0 });
    const queue = stage.queue();
    const long = [];
    for (let n = 0; n < 4; n += 1) long.push(await stage.enqueue(queue, kind.kind, n, { total }));
    await gate.reached;
    await stage.enqueue(queue, short.kind, null, { ctx: stage.ctx('globex') });
    // Resolves once the queue has what it was told.
    await queue.close();
    gate.open();
    for (const { job_id: id } of long) await ends(id, 'succeeded');
    expect(begunAt).toBeLessThan(total);
    // No step was made twice or left out, however often they gave way.
    expect(steps).toBe(4 * total);
    for (const { job_id: id } of long)
      expect(await stage.row(id)).toMatchObject({ failures: 0, progress_done: total });
  });

  it('that was never told of is found by the sweeper', async () => {
    const kind = new TestKind('test.untold', () => Promise.resolve());
    await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue({ dispatch: () => undefined }, kind.kind);
    await ends(id, 'succeeded');
    expect(kind.seen).toHaveLength(1);
  });

  it('is tried again, later, where its failure may pass', async () => {
    const kind = new TestKind('test.flaky', async (job) => {
      if (job.attempt === 1) throw new AppError('unavailable');
      if (job.attempt === 2) throw new TypeError('a mistake');
      return job.attempt;
    });
    await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind);
    await ends(id, 'succeeded');
    expect(await stage.row(id)).toMatchObject({ result: 3, attempt: 3, failures: 2 });
  });

  it('has failed after so many failures, and says nothing of what nobody meant to say', async () => {
    const kind = new TestKind('test.broken', () => Promise.reject(new Error('SELECT secret FROM x')), 2);
    await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind);
    await ends(id, 'failed');
    expect(await stage.row(id)).toMatchObject({
      attempt: 2,
      error_code: 'internal',
      error_detail: 'Internal error',
    });
  });

  it('goes on failing as long as it gets further in between', async () => {
    const work = async (job: JobRun): Promise<number> => {
      if (job.done === 4) return job.attempt;
      await job.progress(job.done + 1);
      throw new AppError('unavailable');
    };
    const kind = new TestKind('test.stumbling', work, 2);
    await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind, null, { total: 5 });
    await ends(id, 'succeeded');
    expect(await stage.row(id)).toMatchObject({ result: 5, attempt: 5, failures: 1 });
  });

  it('fails at once with the code and the detail of a refusal', async () => {
    const refusal = new AppError('key_state', { detail: 'The key is disabled.' });
    const kind = new TestKind('test.refused', () => Promise.reject(refusal));
    await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind);
    await ends(id, 'failed');
    expect(await stage.row(id)).toMatchObject({
      attempt: 1,
      error_code: 'key_state',
      error_detail: 'The key is disabled.',
    });
  });

  it('is handed back by a process that ends, counts as no failure, and goes on in another', async () => {
    const gate = new Gate();
    const kind = new TestKind('test.handed', async (job) => {
      if (job.attempt === 1) return Promise.race([gate.pass(), until(job.signal)]);
      return 'done';
    });
    const first = await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind);
    await gate.reached;
    await first.close(50);
    expect(await stage.row(id)).toMatchObject({ state: 'queued', failures: 0, lease_owner: null });
    await stage.worker([kind]);
    await ends(id, 'succeeded');
    expect(await stage.row(id)).toMatchObject({ attempt: 2, failures: 0 });
  });

  it('is finished by a process that ends, where that takes no longer than it is given', async () => {
    const gate = new Gate();
    const kind = new TestKind('test.ending', () => gate.pass());
    const worker = await stage.worker([kind]);
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind);
    await gate.reached;
    const closed = worker.close(10_000);
    gate.open();
    await closed;
    expect(await stage.row(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  it('of a kind that a process does not know is left to others', async () => {
    const known = new TestKind('test.known', () => Promise.resolve());
    await stage.worker([known]);
    const queue = stage.queue();
    const unknown = await stage.enqueue(queue, 'test.of-tomorrow');
    const { job_id: id } = await stage.enqueue(queue, known.kind);
    await ends(id, 'succeeded');
    expect(await stage.row(unknown.job_id)).toMatchObject({ state: 'queued', attempt: 0 });
  });

  it('of a suspended tenant is not begun, and is stopped where it runs, until the tenant is served again', async () => {
    const setState = (state: string): Promise<unknown> =>
      stage.database.system('test', (tx) =>
        tx.execute(`UPDATE tenant SET state = $1 WHERE id = 'globex'`, [state]),
      );
    const gate = new Gate();
    const kind = new TestKind('test.suspended', (job) =>
      job.ctx.tenantId === 'globex' && job.attempt === 1
        ? Promise.race([gate.pass(), until(job.signal)])
        : Promise.resolve(),
    );
    await stage.worker([kind]);
    const options = { ctx: stage.ctx('globex') };
    const { job_id: id } = await stage.enqueue(stage.queue(), kind.kind, null, options);
    await gate.reached;
    await setState('suspended');
    const rowOf = (): Promise<Record<string, unknown>> => stage.row(id, 'globex');
    await expect.poll(async () => (await rowOf()).state, { timeout: 5_000 }).toBe('queued');
    // Sweeps find what is another tenant's meanwhile.
    const { job_id: other } = await stage.enqueue({ dispatch: () => undefined }, kind.kind);
    await ends(other, 'succeeded');
    expect(await rowOf()).toMatchObject({ state: 'queued', attempt: 1, failures: 0 });
    await setState('active');
    await expect.poll(async () => (await rowOf()).state, { timeout: 10_000 }).toBe('succeeded');
  });

  it('is run also after the database has cut every connection', async () => {
    const kind = new TestKind('test.cut', () => Promise.resolve());
    await stage.worker([kind]);
    const queue = stage.queue();
    await ends((await stage.enqueue(queue, kind.kind)).job_id, 'succeeded');
    await withClient(superuserUrl(stage.test.appUrl), (admin) =>
      admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()`),
    );
    const enqueue = async (): Promise<string | undefined> =>
      (await stage.enqueue(queue, kind.kind).catch(() => undefined))?.job_id;
    const id = await vi.waitUntil(enqueue, { timeout: 5_000 });
    await ends(id, 'succeeded');
    expect(kind.seen.filter((run) => run.jobId === id)).toHaveLength(1);
  });

  it('survives the loss of the Redis with all that is in it, and is not run twice', async () => {
    if (!redis) return;
    const gate = new Gate();
    const kind = new TestKind('test.lost', async (job) =>
      job.input === 'running' ? gate.pass() : undefined,
    );
    await stage.worker([kind], QUICK, 1);
    const queue = stage.queue();
    const running = await stage.enqueue(queue, kind.kind, 'running');
    await gate.reached;
    const waiting = await stage.enqueue(queue, kind.kind, 'waiting');
    await redis.kill();
    await expect.poll(() => queue.reachable).toBe(false);
    // Nobody who asks for a job waits for the Redis, or is refused.
    const asked = await stage.enqueue(queue, kind.kind, 'asked while it was away');
    expect(asked.state).toBe('queued');
    gate.open();
    await ends(running.job_id, 'succeeded');
    await redis.run();
    for (const { job_id: id } of [waiting, asked]) await ends(id, 'succeeded');
    await expect.poll(() => queue.reachable).toBe(true);
    const runs = [running, waiting, asked].map(
      ({ job_id: id }) => kind.seen.filter((run) => run.jobId === id).length,
    );
    expect(runs).toEqual([1, 1, 1]);
    expect(stage.logs.join('')).not.toContain('only-for-tests');
  });

  it('is counted by kind and outcome, and named in the log without its input', async () => {
    const text = await stage.metrics.render();
    expect(text).toContain('claviger_job_attempts_total{kind="test.flaky",outcome="retried"} 2');
    expect(text).toContain('claviger_job_attempts_total{kind="test.flaky",outcome="succeeded"} 1');
    expect(text).toMatch(/claviger_jobs_oldest_queued_seconds \d/);
    const lines = stage.logs.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find(({ kind, outcome }) => kind === 'test.plain' && outcome === 'succeeded')).toMatchObject(
      {
        tenant: 'acme',
        attempt: 1,
      },
    );
    expect(stage.logs.join('')).not.toContain('asked while it was away');
  });
});
