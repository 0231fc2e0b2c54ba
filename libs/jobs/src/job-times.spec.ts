import { describe, expect, it } from 'vitest';
import { JOB_TIMES, backoffMs } from './job-times.js';

describe('backoffMs', () => {
  it('doubles from a second, and ends at five minutes', () => {
    const waits = Array.from({ length: 12 }, (_, n) => backoffMs(n + 1, JOB_TIMES));
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(waits.at(-1)).toBe(300_000);
    expect(backoffMs(10_000, JOB_TIMES)).toBe(300_000);
  });
});
