import type { ServerProcess } from '../servers/server-process.js';

/** monitorEventLoopDelay() of Node measures from tick to tick of a timer of 10 ms, and so has those in every value. */
const TIMER_MS = 10;

/** How late the event loop of a server is, as it says itself: each reading begins anew. */
export function loopLag(server: ServerProcess): { begin(): Promise<void>; p99Ms(): Promise<number> } {
  const read = async (): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1]) * 1_000;
  };
  return { begin: async () => void (await read()), p99Ms: async () => (await read()) - TIMER_MS };
}
