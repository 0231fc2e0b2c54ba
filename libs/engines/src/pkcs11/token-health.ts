import type { EngineHealth } from '../engine.js';
import { toldOf } from './token-errors.js';
import { TokenFailure } from './token-failure.js';
import type { TokenSupervisor } from './token-supervisor.js';

const WITHIN_MS = 3_000;

/** Whether the token is there and logged in, within three seconds. */
export async function healthOf(token: TokenSupervisor): Promise<EngineHealth> {
  const start = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const failure = TokenFailure.of('lost', `no answer within ${WITHIN_MS} ms`);
    timer = setTimeout(() => reject(failure), WITHIN_MS);
  });
  try {
    await Promise.race([token.ready().then(() => token.ask('check', {})), late]);
    return { status: 'ok', latencyMs: performance.now() - start };
  } catch (error) {
    const reason = error instanceof TokenFailure ? toldOf(error) : 'The token failed.';
    return { status: 'down', latencyMs: performance.now() - start, reason };
  } finally {
    clearTimeout(timer);
  }
}
