import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from './concurrency-limit.js';

interface Job {
  readonly done: Promise<string>;
  started: boolean;
  end: () => void;
}

function start(limit: ConcurrencyLimit, name: string): Job {
  const job: Job = { started: false, end: () => undefined, done: Promise.resolve('') };
  const run = limit.run('acme', () => {
    job.started = true;
    return new Promise<string>((resolve) => (job.end = () => resolve(name)));
  });
  return Object.assign(job, { done: run });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ConcurrencyLimit', () => {
  it('runs so many at once and the rest in order', async () => {
    const limit = new ConcurrencyLimit(2, 10);
    const jobs = ['a', 'b', 'c', 'd'].map((name) => start(limit, name));
    await turn();
    expect(jobs.map((job) => job.started)).toEqual([true, true, false, false]);
    jobs[1]!.end();
    await turn();
    expect(jobs.map((job) => job.started)).toEqual([true, true, true, false]);
    jobs[0]!.end();
    jobs[2]!.end();
    await turn();
    jobs[3]!.end();
    expect(await Promise.all(jobs.map((job) => job.done))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets groups take turns, however many tasks one of them has waiting', async () => {
    const limit = new ConcurrencyLimit(1, 10);
    const order: string[] = [];
    const run = (group: string, name: string): Promise<void> =>
      limit.run(group, async () => {
        await turn();
        order.push(name);
      });
    const greedy = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => run('a', name));
    const others = [run('b', 'b1'), run('b', 'b2'), run('c', 'c1')];
    await Promise.all([...greedy, ...others]);
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4', 'a5']);
  });

  it('refuses a group of which too many wait, to be tried again later, and no other group', async () => {
    const limit = new ConcurrencyLimit(1, 1);
    const jobs = [start(limit, 'a'), start(limit, 'b')];
    await expect(limit.run('acme', async () => 'c')).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterS: 2,
    });
    const other = limit.run('globex', async () => 'other');
    jobs[0]!.end();
    await turn();
    jobs[1]!.end();
    await Promise.all(jobs.map((job) => job.done));
    expect(await other).toBe('other');
    expect(await limit.run('acme', async () => 'd')).toBe('d');
  });

  it('blames nobody where the tasks are nobody’s', async () => {
    const limit = new ConcurrencyLimit(1, 0);
    let end = (): void => undefined;
    const first = limit.run(undefined, () => new Promise<void>((resolve) => (end = resolve)));
    await expect(limit.run(undefined, async () => 'c')).rejects.toMatchObject({ code: 'unavailable' });
    end();
    await first;
  });

  it('gives the place of a task that failed to the next', async () => {
    const limit = new ConcurrencyLimit(1, 1);
    const failed = limit.run('acme', () => Promise.reject(new Error('no')));
    const next = limit.run('acme', async () => 'next');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
  });
});
