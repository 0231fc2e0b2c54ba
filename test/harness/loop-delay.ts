import { monitorEventLoopDelay } from 'node:perf_hooks';

const TRIES = 3;

/**
 * The longest time in milliseconds for which `work` kept the event loop from turning. The least of several tries:
 * what blocks the loop blocks it each time, while a busy machine does so by chance.
 */
export async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  const longest: number[] = [];
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const histogram = monitorEventLoopDelay({ resolution: 5 });
    histogram.enable();
    await work();
    histogram.disable();
    longest.push(histogram.max / 1e6);
  }
  return Math.min(...longest);
}
