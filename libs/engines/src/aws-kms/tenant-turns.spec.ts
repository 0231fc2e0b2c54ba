import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { code } from '../conformance/soundness.js';
import { TenantTurns } from './tenant-turns.js';

describe('TenantTurns', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('gives up work whose turn does not come within a minute, and never begins it', async () => {
    const turns = new TenantTurns({ atOnce: 1, waiting: 4 });
    let end: (value: string) => void = () => undefined;
    const long = turns.run('acme', () => new Promise<string>((resolve) => (end = resolve)));
    const begun = vi.fn(() => Promise.resolve('begun'));
    const late = expect(turns.run('other', begun)).rejects.toThrow(code('unavailable'));
    await vi.advanceTimersByTimeAsync(60_000);
    await late;
    end('done');
    expect(await long).toBe('done');
    expect(await turns.run('acme', () => Promise.resolve('next'))).toBe('next');
    expect(begun).not.toHaveBeenCalled();
  });

  it('begins no sooner than the interval after the one before', async () => {
    const turns = new TenantTurns({ atOnce: 1, waiting: 4, intervalMs: 4_000 });
    await turns.run('acme', () => Promise.resolve());
    const begun = vi.fn(() => Promise.resolve());
    const next = turns.run('other', begun);
    await vi.advanceTimersByTimeAsync(3_999);
    expect(begun).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await next;
    expect(begun).toHaveBeenCalledOnce();
  });

  it('goes on after work that failed', async () => {
    const turns = new TenantTurns({ atOnce: 1, waiting: 4 });
    await expect(turns.run('acme', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await turns.run('acme', () => Promise.resolve('next'))).toBe('next');
  });
});
