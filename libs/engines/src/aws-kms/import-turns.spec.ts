import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { code } from '../conformance/soundness.js';
import { ImportTurns } from './import-turns.js';

describe('ImportTurns', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('gives up an import whose turn does not come within a minute, and never begins it', async () => {
    const turns = new ImportTurns(0);
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

  it('goes on after an import that failed', async () => {
    const turns = new ImportTurns(0);
    await expect(turns.run('acme', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await turns.run('acme', () => Promise.resolve('next'))).toBe('next');
  });
});
