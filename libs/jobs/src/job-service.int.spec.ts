import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newSecretKey } from '#crypto';
import { JobStage, QUICK } from '../../../test/harness/job-stage.js';
import { JobRunner } from './job-runner.js';
import { JobService } from './job-service.js';
import type { JobKind, JobRun } from './job-kind.js';
import { JobStore } from './job-store.js';
import type { JobView } from './job-view.js';
import { JobWatch } from './job-watch.js';

const KIND = 'test.served';
const NOBODY = { dispatch: () => undefined };
const ONLY_A = { keys: ['a'], aliases: [], tags: [] };

describe('jobs as their askers see them', () => {
  let stage: JobStage;
  let service: JobService;
  const cancels: string[] = [];

  const make = (options: Parameters<JobStage['enqueue']>[3] = {}): Promise<JobView> =>
    stage.enqueue(NOBODY, KIND, { text: 'input of a job' }, options);
  /** Runs a job to the end of one attempt. */
  const run = async (jobId: string, work: (job: JobRun) => Promise<unknown>): Promise<void> => {
    const kind: JobKind = { kind: KIND, run: work };
    const { database, logger, metrics } = stage;
    const runner = new JobRunner({ database, kinds: [kind], owner: 'me', logger, metrics, times: QUICK });
    await stage.prefer(jobId);
    await runner.run('acme');
  };

  beforeAll(async () => {
    stage = await JobStage.open();
    const key = newSecretKey();
    service = new JobService(stage.database, {
      bookmarkKeyOf: () => Promise.resolve(key),
      recordCancel: async (_tx, _ctx, { job_id: id }) => void cancels.push(id),
    });
  });
  afterAll(() => stage.close());

  it('are shown without their input, and with their result only once they have succeeded', async () => {
    const { job_id: id } = await make({ total: 2 });
    expect(await service.get(stage.ctx(), id)).toEqual({
      job_id: id,
      kind: KIND,
      state: 'queued',
      progress: { done: 0, total: 2 },
      created_ts: expect.any(String),
      updated_ts: expect.any(String),
    });
    await run(id, async (job) => {
      await job.progress(1);
      expect(await service.get(stage.ctx(), id)).toMatchObject({
        state: 'running',
        progress: { done: 1, total: 2 },
      });
      return { keys: 2 };
    });
    expect(await service.get(stage.ctx(), id)).toMatchObject({ state: 'succeeded', result: { keys: 2 } });
  });

  it('are cancelled at once while they wait, and never run then', async () => {
    const { job_id: id } = await make();
    expect(await service.cancel(stage.ctx(), id)).toMatchObject({ state: 'cancelled' });
    expect(cancels).toContain(id);
    let ran = false;
    await run(id, async () => void (ran = true));
    expect(ran).toBe(false);
    await expect(service.cancel(stage.ctx(), id)).rejects.toMatchObject({ code: 'job_state' });
    expect(cancels.filter((one) => one === id)).toHaveLength(1);
  });

  it('are cancelled while they run at their next step', async () => {
    const { job_id: id } = await make({ total: 3 });
    await run(id, async (job) => {
      await job.progress(1);
      expect(await service.cancel(stage.ctx(), id)).toMatchObject({ state: 'running' });
      await expect(job.progress(2)).rejects.toMatchObject({ code: 'job_state' });
      job.signal.throwIfAborted();
    });
    expect(await service.get(stage.ctx(), id)).toMatchObject({ state: 'cancelled' });
    expect(await service.get(stage.ctx(), id)).not.toHaveProperty('error');
  });

  it('have succeeded where they ended well before they knew that they were cancelled', async () => {
    const { job_id: id } = await make();
    await run(id, async () => {
      await service.cancel(stage.ctx(), id);
      return 'done';
    });
    expect(await service.get(stage.ctx(), id)).toMatchObject({ state: 'succeeded', result: 'done' });
    await expect(service.cancel(stage.ctx(), id)).rejects.toMatchObject({ code: 'job_state' });
  });

  it('begin aborted where they were cancelled while nobody ran them, to put right what was left', async () => {
    const { job_id: id } = await make();
    const lose = `UPDATE job SET state = 'running', lease_owner = 'dead', due_ts = now() WHERE job_id = $1`;
    await stage.database.transaction(stage.ctx(), (tx) => tx.execute(lose, [id]));
    await service.cancel(stage.ctx(), id);
    let tidied = false;
    await run(id, async (job) => {
      expect(job.signal.aborted).toBe(true);
      tidied = true;
      await job.progress(1);
    });
    expect(tidied).toBe(true);
    expect(await service.get(stage.ctx(), id)).toMatchObject({ state: 'cancelled' });
  });

  it('of another tenant are unknown', async () => {
    const { job_id: id } = await make();
    const other = stage.ctx('globex');
    const unknown = { code: 'not_found', detail: 'There is no such job.' };
    for (const work of [
      () => service.get(other, id),
      () => service.cancel(other, id),
      () => new JobWatch(stage.database).watch(other, id, () => undefined),
    ])
      await expect(work()).rejects.toMatchObject(unknown);
    expect((await service.list(other, {})).list).toEqual([]);
    expect(await service.get(stage.ctx(), id)).toMatchObject({ state: 'queued' });
  });

  it('are unknown to a token narrowed to some keys, but for those that it asked for itself', async () => {
    const { job_id: broad } = await make();
    const narrow = stage.ctx('acme', ONLY_A);
    const { job_id: own } = await make({ ctx: narrow });
    const otherwise = stage.ctx('acme', { ...ONLY_A, keys: ['a', 'b'] });
    await expect(service.get(narrow, broad)).rejects.toMatchObject({ code: 'not_found' });
    await expect(service.cancel(narrow, broad)).rejects.toMatchObject({ code: 'not_found' });
    await expect(service.get(otherwise, own)).rejects.toMatchObject({ code: 'not_found' });
    expect((await service.list(narrow, {})).list.map((job) => job.job_id)).toEqual([own]);
    expect(await service.get(narrow, own)).toMatchObject({ job_id: own });
    await run(own, async (job) => void expect(job.ctx.principal.narrowing).toEqual(ONLY_A));
    expect(await service.get(narrow, own)).toMatchObject({ state: 'succeeded' });
  });

  it('that began in a transaction that failed do not exist', async () => {
    let id = '';
    const told: string[] = [];
    const queue = { dispatch: (tenantId: string) => void told.push(tenantId) };
    const ctx = stage.ctx();
    const failing = stage.database.transaction(ctx, async (tx) => {
      id = (await new JobStore(queue).enqueue(tx, ctx, { kind: KIND, input: 1 })).job_id;
      throw new Error('the caller’s own');
    });
    await expect(failing).rejects.toThrow('the caller’s own');
    expect(told).toEqual([]);
    await expect(service.get(ctx, id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are refused beyond 1000 unfinished ones of a tenant, and beyond 1 MiB of input', async () => {
    const fill = `INSERT INTO job (tenant_id, job_id, kind, progress_total, input, principal, request_id, dispatch_ts)
      SELECT 'globex', 'job-' || n, 'k', 1, '1', '{}', 'r', now() FROM generate_series(1, 1000) n`;
    const ctx = stage.ctx('globex');
    await stage.database.transaction(ctx, (tx) => tx.execute(fill));
    await expect(make({ ctx })).rejects.toMatchObject({ code: 'rate_limited' });
    await expect(stage.enqueue(NOBODY, KIND, 'x'.repeat(1_048_576))).rejects.toMatchObject({
      code: 'body_too_large',
    });
  });

  it('are watched by any number, at once and then as they change, with no connection kept', async () => {
    const { job_id: id } = await make({ total: 2 });
    const watch = new JobWatch(stage.database, 20);
    const seen: string[][] = [[], [], []];
    const stops = await Promise.all(
      seen.map((list) =>
        watch.watch(stage.ctx(), id, (job) => list.push(`${job?.state} ${job?.progress.done}`)),
      ),
    );
    const all = (text: string): Promise<void> =>
      expect.poll(() => seen.every((list) => list.at(-1) === text)).toBe(true);
    await all('queued 0');
    await run(id, async (job) => {
      await job.progress(1);
      await all('running 1');
    });
    await all('succeeded 2');
    for (const stop of stops) stop();
  });

  it('are watched by no more than 20 of a tenant in a process', async () => {
    const { job_id: id } = await make();
    const watch = new JobWatch(stage.database);
    const stops = [];
    for (let n = 0; n < 20; n += 1) stops.push(await watch.watch(stage.ctx(), id, () => undefined));
    const more = (): Promise<() => void> => watch.watch(stage.ctx(), id, () => undefined);
    await expect(more()).rejects.toMatchObject({ code: 'rate_limited' });
    stops.pop()?.();
    stops.push(await more());
    for (const stop of stops) stop();
  });
});
