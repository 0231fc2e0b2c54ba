import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

const late = (withinMs: number, what: string | (() => string)): Error =>
  new Error(`not within ${withinMs / 1_000} s: ${typeof what === 'string' ? what : what()}`);

/** Asks until the answer is neither undefined nor false, and gives it. Throws, saying what was waited for, after `withinMs`. */
export async function eventually<T>(
  what: string | (() => string),
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw late(withinMs, what);
    await delay(POLL_MS);
  }
}

/** The promise's result, or an error that says what was waited for. The promise itself goes on. */
export async function within<T>(
  withinMs: number,
  what: string | (() => string),
  promise: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late(withinMs, what)), withinMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
