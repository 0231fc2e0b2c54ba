import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Transaction } from '#database';
import { JobStage, QUICK } from '../../../test/harness/job-stage.js';
import { claimJob, finishJob, renewLease, requeueJob, type ClaimedRow } from './job-attempt.repository.js';
import { JobRunner } from './job-runner.js';
import { JobSweeper } from './job-sweeper.js';
import type { JobKind, JobRun } from './job-kind.js';

const KIND = 'test.leased';
const NOBODY = { dispatch: () => undefined };

describe('the lease of a job', () => {
  let stage: JobStage;

  const inAcme = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> =>
    stage.database.transaction({ tenantId: 'acme' }, work);
  const claim = (owner = 'me', leaseMs = 60_000): Promise<ClaimedRow | undefined> =>
    inAcme((tx) => claimJob(tx, 'acme', { owner, leaseMs, kinds: [KIND] }));
  const at = (jobId: string, attempt: number) => ({ tenantId: 'acme', jobId, attempt });
  const make = async (): Promise<string> => (await stage.enqueue(NOBODY, KIND, null, { total: 3 })).job_id;
  /** As if its holder had been gone for long. */
  const expire = (jobId: string): Promise<number> =>
    inAcme((tx) =>
      tx.execute(`UPDATE job SET due_ts = now() - interval '1 s', dispatch_ts = now() WHERE job_id = $1`, [
        jobId,
      ]),
    );
  const runner = (kind: JobKind, leaseMs = 60_000): JobRunner =>
    new JobRunner({
      database: stage.database,
      kinds: [kind],
      owner: 'me',
      logger: stage.logger,
      metrics: stage.metrics,
      times: { ...QUICK, leaseMs },
    });
  const kindOf = (run: (job: JobRun) => Promise<unknown>, maxFailures = 10): JobKind => ({
    kind: KIND,
    maxFailures,
    run,
  });

  beforeAll(async () => {
    stage = await JobStage.open();
  });
  afterEach(() => stage.cancelAll());
  afterAll(() => stage.close());

  it('goes to one of many who want it', async () => {
    const id = await make();
    const claims = await Promise.all(Array.from({ length: 8 }, (_, n) => claim(`process ${n}`)));
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await stage.row(id)).toMatchObject({ state: 'running', attempt: 1 });
  });

  it('is nobody else’s until it has run out, and then counts as a failure', async () => {
    const id = await make();
    await claim();
    expect(await claim('another')).toBeUndefined();
    await expire(id);
    expect(await claim('another')).toMatchObject({ attempt: 2, failures: 1 });
  });

  it('is not given for a job that is to wait, has finished, or is of another tenant', async () => {
    const waiting = await make();
    await claim();
    await inAcme((tx) => requeueJob(tx, at(waiting, 1), { delayMs: 60_000, failed: true }));
    const finished = await make();
    await claim();
    await inAcme((tx) => finishJob(tx, at(finished, 1), { state: 'succeeded', result: '1' }));
    expect(await claim()).toBeUndefined();
    await make();
    const lease = { owner: 'me', leaseMs: 1_000, kinds: [KIND] };
    const foreign = { tenantId: 'globex' };
    expect(await stage.database.transaction(foreign, (tx) => claimJob(tx, 'globex', lease))).toBeUndefined();
  });

  it('lets an attempt write nothing once there is a newer one', async () => {
    const id = await make();
    await claim('stalled');
    await expire(id);
    await claim('successor');
    const old = at(id, 1);
    const before = await stage.row(id);
    await inAcme(async (tx) => {
      expect(await renewLease(tx, old, 60_000)).toBeUndefined();
      expect(await renewLease(tx, old, 60_000, 3)).toBeUndefined();
      expect(await finishJob(tx, old, { state: 'succeeded', result: '1' })).toBe(false);
      expect(await finishJob(tx, old, { state: 'failed', error: { code: 'internal', detail: '' } })).toBe(
        false,
      );
      expect(await requeueJob(tx, old, { delayMs: 0, failed: true })).toBe(false);
    });
    expect(await stage.row(id)).toEqual(before);
  });

  it('stops who has lost it at its next step, and does not let it finish', async () => {
    const id = await make();
    let effect = 'none';
    const kind = kindOf(async (job) => {
      await job.progress(1);
      await expire(id);
      await claim('successor');
      const held = inAcme((tx) => job.hold(tx)).then(() => (effect = 'two at once'));
      await expect(held).rejects.toMatchObject({ code: 'unavailable' });
      await expect(job.progress(2)).rejects.toMatchObject({ code: 'unavailable' });
      expect(job.signal.aborted).toBe(true);
      return 'finished all the same';
    });
    await runner(kind).run('acme');
    expect(effect).toBe('none');
    expect(await stage.row(id)).toMatchObject({
      state: 'running',
      attempt: 2,
      lease_owner: 'successor',
      progress_done: 1,
      result: null,
    });
  });

  it('is kept for as long as the run takes', async () => {
    const id = await make();
    const kind = kindOf(async () => {
      const { due_ts: first } = await stage.row(id);
      await expect.poll(async () => (await stage.row(id)).due_ts, { timeout: 5_000 }).not.toEqual(first);
      return null;
    });
    await runner(kind, 600).run('acme');
    expect(await stage.row(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  it('holds the job for one transaction, against whoever would take it over meanwhile', async () => {
    const id = await make();
    const kind = kindOf(async (job) => {
      await expire(id);
      await inAcme(async (tx) => {
        await job.hold(tx);
        // Another process is after it while the effect is being made.
        expect(await claim('another')).toBeUndefined();
      });
      expect(await claim('another')).toMatchObject({ attempt: 2 });
    });
    await runner(kind).run('acme');
    expect(await stage.row(id)).toMatchObject({ state: 'running', lease_owner: 'another' });
  });

  it('is asked for again where somebody else has the row at this moment', async () => {
    const id = await make();
    const idle = runner(kindOf(() => Promise.resolve()));
    await inAcme(async (tx) => {
      await tx.query('SELECT 1 FROM job WHERE job_id = $1 FOR UPDATE', [id]);
      expect(await idle.run('acme')).toBe(true);
    });
    expect(await idle.run('acme')).toBe(false);
    expect(await stage.row(id)).toMatchObject({ state: 'succeeded' });
    expect(await idle.run('acme')).toBe(false);
  });

  it('is of the job that has waited longest, whichever was told of', async () => {
    const ids = [await make(), await make(), await make()];
    expect([await claim(), await claim(), await claim()].map((row) => row?.job_id)).toEqual(ids);
    await inAcme((tx) => requeueJob(tx, at(ids[0]!, 1), { delayMs: 0, failed: false }));
    const later = await make();
    expect([await claim(), await claim(), await claim()].map((row) => row?.job_id)).toEqual([
      ids[0],
      later,
      undefined,
    ]);
  });

  it('is given no more than so many times to a job that kills its processes', async () => {
    const id = await make();
    await claim();
    let runs = 0;
    for (let n = 0; n < 3; n += 1) {
      await expire(id);
      await runner(kindOf(async () => void (runs += 1), 1)).run('acme');
    }
    expect(runs).toBe(0);
    expect(await stage.row(id)).toMatchObject({ state: 'failed', error_code: 'internal', attempt: 2 });
  });

  it('is nobody’s once the job has ended, and then it is removed in time, of a suspended tenant as well', async () => {
    const days = 24 * 60 * 60_000;
    const endedBefore = async (age: string, tenantId = 'acme'): Promise<string> => {
      const { job_id: id } = await stage.enqueue(NOBODY, KIND, null, { ctx: stage.ctx(tenantId) });
      await stage.database.transaction({ tenantId }, (tx) =>
        tx.query(`UPDATE job SET state = 'succeeded', finished_ts = now() - $2::interval WHERE job_id = $1`, [
          id,
          age,
        ]),
      );
      return id;
    };
    const unfinished = await make();
    await inAcme((tx) => tx.query(`UPDATE job SET due_ts = 'epoch', dispatch_ts = now() + interval '1 day'`));
    const kept = await endedBefore('29 days');
    const over = [
      await endedBefore('31 days'),
      await endedBefore('40 days'),
      await endedBefore('31 days', 'globex'),
    ];
    const setState = (state: string): Promise<unknown> =>
      stage.database.system('test', (tx) =>
        tx.query(`UPDATE tenant SET state = $1 WHERE id = 'globex'`, [state]),
      );
    await setState('suspended');
    const times = { ...QUICK, keepMs: 30 * days };
    await new JobSweeper(stage.database, NOBODY, stage.logger, stage.metrics, times).sweep();
    await setState('active');
    for (const id of over) expect([await stage.row(id), await stage.row(id, 'globex')]).toEqual([{}, {}]);
    expect(await stage.row(kept)).toMatchObject({ state: 'succeeded' });
    expect(await stage.row(unfinished)).toMatchObject({ state: 'queued' });
    // Not even by mistake: the role that removes does not reach what has not ended.
    const removed = stage.database.system('test', (tx) =>
      tx.execute('DELETE FROM job WHERE job_id = $1', [unfinished]),
    );
    expect(await removed).toBe(0);
  });

  it('is looked for by sweepers that share the work, and not again at once', async () => {
    await inAcme((tx) => tx.execute(`UPDATE job SET dispatch_ts = now() + interval '1 hour'`));
    const ids = [await make(), await make(), await make()];
    const told: string[] = [];
    const queue = {
      dispatch: (tenantId: string, place: number) => void told.push(`${tenantId} ${place}`),
    };
    const sweeper = (): JobSweeper =>
      new JobSweeper(stage.database, queue, stage.logger, stage.metrics, { ...QUICK, redispatchMs: 60_000 });
    // Each was told of when it was committed: only what has not moved since is due.
    await sweeper().sweep();
    expect(told).toEqual([]);
    for (const id of ids) await expire(id);
    await Promise.all([sweeper().sweep(), sweeper().sweep(), sweeper().sweep()]);
    // Whichever sweep took how many of them.
    expect(told).toHaveLength(3);
    expect(told).toContain('acme 0');
    await sweeper().sweep();
    expect(told).toHaveLength(3);
    // Those that are being run come before.
    await stage.prefer(ids[0]!);
    await claim();
    for (const id of ids.slice(1)) await expire(id);
    await sweeper().sweep();
    expect(told.slice(3)).toEqual(['acme 1', 'acme 2']);
  });
});
