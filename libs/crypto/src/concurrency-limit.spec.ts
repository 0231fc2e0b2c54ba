import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from './concurrency-limit.js';

interface Job {
  readonly done: Promise<string>;
  started: boolean;
  end: () => void;
}

function start(limit: ConcurrencyLimit, name: string): Job {
  const job: Job = { started: false, end: () => undefined, done: Promise.resolve('') };
  const run = limit.run(() => {
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

  it('refuses, to be tried again later, when too many wait', async () => {
    const limit = new ConcurrencyLimit(1, 1);
    const jobs = [start(limit, 'a'), start(limit, 'b')];
    await expect(limit.run(async () => 'c')).rejects.toMatchObject({ code: 'unavailable', retryAfterS: 2 });
    jobs[0]!.end();
    await turn();
    jobs[1]!.end();
    await Promise.all(jobs.map((job) => job.done));
    expect(await limit.run(async () => 'd')).toBe('d');
  });

  it('gives the place of a task that failed to the next', async () => {
    const limit = new ConcurrencyLimit(1, 1);
    const failed = limit.run(() => Promise.reject(new Error('no')));
    const next = limit.run(async () => 'next');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
  });
});
