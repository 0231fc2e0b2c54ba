import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Coalescer } from './coalescer.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Notes who went on, in order. */
function waiting(coalescer: Coalescer): { wait: (name: string, ms: number) => void; gone: string[] } {
  const gone: string[] = [];
  return { gone, wait: (name, ms) => void coalescer.wait(ms).then(() => gone.push(name)) };
}

it('lets all that waits go on together when the first may wait no longer', async () => {
  const { wait, gone } = waiting(new Coalescer());
  wait('patient', 20);
  await vi.advanceTimersByTimeAsync(5);
  wait('hasty', 10);
  wait('later', 30);
  await vi.advanceTimersByTimeAsync(9);
  expect(gone).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(gone).toEqual(['patient', 'hasty', 'later']);
});

it('begins anew for what comes after', async () => {
  const { wait, gone } = waiting(new Coalescer());
  wait('first', 10);
  await vi.advanceTimersByTimeAsync(10);
  wait('second', 10);
  await vi.advanceTimersByTimeAsync(9);
  expect(gone).toEqual(['first']);
  await vi.advanceTimersByTimeAsync(1);
  expect(gone).toEqual(['first', 'second']);
});
