import { createHistogram } from 'node:perf_hooks';
import { Connection } from './connection.js';
import type { KeptAnswer, LoadMessage, LoadPlan, LoadReport, RawRequest } from './load-plan.js';

const tell = (message: LoadMessage): void => void process.send?.(message);

function asText({ method, path, body }: RawRequest, port: number, token: string | undefined): string {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${body.length}`);
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

/** Every so many answers one is kept. */
const KEEP_EVERY = 37;

/** A connection without a request under way. */
interface Idle {
  readonly send: () => void;
  readonly end: () => void;
}

/** Puts load on a server by a plan: a closed loop on each connection, or groups at the plan's pace. */
class Load {
  readonly #latencies = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  readonly #statuses: Record<string, number> = {};
  readonly #kept: KeptAnswer[] = [];
  readonly #idle: Idle[] = [];
  #window: 'before' | 'open' | 'closed' = 'before';
  #next = 0;
  #answered = 0;
  #inWindow = 0;
  #isDue = false;
  #openedAt = 0;
  #windowMs = 0;

  constructor(private readonly plan: LoadPlan) {}

  async run(): Promise<LoadReport> {
    const { ports, connections, token, requests } = this.plan;
    const texts = ports.map((port) => requests.map((request) => asText(request, port, token)));
    const loops = Array.from({ length: connections }, (_, index) =>
      this.#loop(ports[index % ports.length]!, texts[index % ports.length]!),
    );
    setTimeout(() => this.#open(), this.plan.warmUpMs);
    const { pace } = this.plan;
    const pacing =
      pace && setInterval(() => this.#sendGroup(pace.group), (pace.group / pace.perSecond) * 1_000);
    await Promise.all(loops);
    clearInterval(pacing);
    return {
      answers: this.#inWindow,
      windowMs: this.#windowMs,
      p50Ms: this.#latencies.percentile(50) / 1e6,
      p99Ms: this.#latencies.percentile(99) / 1e6,
      statuses: this.#statuses,
      kept: this.#kept,
    };
  }

  #open(): void {
    this.#window = 'open';
    this.#openedAt = performance.now();
    tell({ type: 'opened' });
    if ('ms' in this.plan.until) setTimeout(() => this.#fallDue(), this.plan.until.ms);
  }

  /** A window without an answer says nothing: it lasts until there is one. */
  #fallDue(): void {
    this.#isDue = true;
    if (this.#inWindow > 0) this.#close();
  }

  #close(): void {
    if (this.#window === 'closed') return;
    this.#window = 'closed';
    this.#windowMs = performance.now() - this.#openedAt;
    tell({ type: 'closed' });
    for (const { end } of this.#idle.splice(0)) end();
  }

  #sendGroup(size: number): void {
    for (const { send } of this.#idle.splice(0, size)) send();
  }

  /** Ends once the window is closed and its last answer there. */
  #loop(port: number, texts: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      let asked = 0;
      const send = (): void => {
        asked = this.#next++ % texts.length;
        connection?.send(texts[asked]!);
      };
      const end = (): void => {
        connection?.close();
        resolve();
      };
      const goOn = (): void => {
        if (this.#window === 'closed') end();
        else if (this.plan.pace) this.#idle.push({ send, end });
        else send();
      };
      const onAnswer = (status: number, body: string, latencyNs: number): void => {
        this.#note(asked, status, body, latencyNs);
        goOn();
      };
      Connection.open(port, onAnswer, reject).then((opened) => {
        connection = opened;
        goOn();
      }, reject);
    });
  }

  #note(request: number, status: number, body: string, latencyNs: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (this.#kept.length < this.plan.keep && this.#answered % KEEP_EVERY === 0) {
      this.#kept.push({ request, body });
    }
    this.#answered += 1;
    if (this.#window !== 'open') return;
    this.#inWindow += 1;
    this.#latencies.record(Math.max(1, latencyNs));
    const { until } = this.plan;
    if (this.#isDue || ('answers' in until && this.#inWindow === until.answers)) this.#close();
  }
}

process.on('message', (plan) => {
  new Load(plan as LoadPlan).run().then(
    (report) => tell({ type: 'report', report }),
    (error: unknown) => {
      process.stderr.write(`the load failed: ${String(error)}\n`);
      process.exit(1);
    },
  );
});
