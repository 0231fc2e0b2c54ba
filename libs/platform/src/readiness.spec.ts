import { describe, expect, it } from 'vitest';
import { Readiness } from './readiness.js';

/** A part that answers when it is told to, and a clock that stands still unless moved. */
function stage() {
  const pings: { answer: () => void; fail: (error: Error) => void }[] = [];
  const clock = { ms: 0, now: () => clock.ms };
  const readiness = new Readiness(
    () => new Promise<void>((answer, fail) => void pings.push({ answer, fail })),
    clock,
  );
  return { pings, clock, readiness };
}

describe('Readiness', () => {
  it('asks once for all who ask at the same time, however long that takes', async () => {
    const { pings, clock, readiness } = stage();
    const first = [readiness.check(), readiness.check()];
    clock.ms = 60_000;
    const all = [...first, readiness.check()];
    expect(pings).toHaveLength(1);
    pings[0]!.answer();
    await Promise.all(all);
  });

  it('keeps a verdict for a second and then asks again', async () => {
    const { pings, clock, readiness } = stage();
    const first = readiness.check();
    pings[0]!.answer();
    await first;
    clock.ms = 999;
    await readiness.check();
    expect(pings).toHaveLength(1);
    clock.ms = 1_000;
    const second = readiness.check();
    expect(pings).toHaveLength(2);
    pings[1]!.answer();
    await second;
  });

  it('keeps a failure as long, tells it to everyone, and recovers from it', async () => {
    const { pings, clock, readiness } = stage();
    const askers = [readiness.check(), readiness.check()];
    pings[0]!.fail(new Error('down'));
    for (const asker of askers) await expect(asker).rejects.toThrow('down');
    await expect(readiness.check()).rejects.toThrow('down');
    expect(pings).toHaveLength(1);
    clock.ms = 1_000;
    const again = readiness.check();
    pings[1]!.answer();
    await again;
    await readiness.check();
    expect(pings).toHaveLength(2);
  });
});
