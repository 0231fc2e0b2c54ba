import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Unfinished jobs of a kind and state. */
interface JobNumbers {
  readonly kind: string;
  readonly state: string;
  readonly count: number;
  /** How long the one that has waited longest could have been run, in seconds. */
  readonly oldest_s: number;
}

/** Prometheus metrics of a process. No label ever names a tenant, a key or a caller. */
export class Metrics {
  readonly #registry = new Registry();

  readonly #requests = new Histogram({
    name: 'claviger_http_request_duration_seconds',
    help: 'Time to answer, by route and status.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [this.#registry],
  });

  readonly refusals = new Counter({
    name: 'claviger_refusals_total',
    help: 'Requests refused before they reached a handler, by error code.',
    labelNames: ['code'] as const,
    registers: [this.#registry],
  });

  readonly checkpointFailures = new Counter({
    name: 'claviger_audit_checkpoint_failures_total',
    help: 'Audit checkpoints that could not be written; each is tried again.',
    registers: [this.#registry],
  });

  /** `outcome`: how the job ended, or `retried`, `returned` (continued elsewhere) or `lost` (to another attempt). */
  readonly jobAttempts = new Counter({
    name: 'claviger_job_attempts_total',
    help: 'Attempts at jobs in this process, by kind and outcome.',
    labelNames: ['kind', 'outcome'] as const,
    registers: [this.#registry],
  });

  /** `finding`: `orphan` or `missing`. */
  readonly reconciliationFindings = new Counter({
    name: 'claviger_engine_reconciliation_findings_total',
    help: 'Keys found in a device without a row (orphan), or in a row without the device (missing), in this process.',
    labelNames: ['finding'] as const,
    registers: [this.#registry],
  });

  readonly #jobs = new Gauge({
    name: 'claviger_jobs_unfinished',
    help: 'Jobs of the installation that have not finished, by kind and state; in processes that run jobs.',
    labelNames: ['kind', 'state'] as const,
    registers: [this.#registry],
  });

  readonly #oldestQueued = new Gauge({
    name: 'claviger_jobs_oldest_queued_seconds',
    help: 'How long the queued job that has waited longest could have been run, 0 where none is; in processes that run jobs.',
    registers: [this.#registry],
  });

  /** By method, route and status, so that labels are hashed once and not for each request. */
  readonly #requestsOf = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Notes an answered request. `route` is the pattern, never the URL. */
  observeRequest(method: string, route: string, status: number, seconds: number): void {
    const name = `${method} ${status} ${route}`;
    let observer = this.#requestsOf.get(name);
    if (!observer) this.#requestsOf.set(name, (observer = this.#requests.labels({ method, route, status })));
    observer.observe(seconds);
  }

  /** Takes the numbers of unfinished jobs; those of before are forgotten. */
  setJobs(census: readonly JobNumbers[]): void {
    this.#jobs.reset();
    for (const { kind, state, count } of census) this.#jobs.set({ kind, state }, count);
    const ages = census.filter(({ state }) => state === 'queued').map((row) => row.oldest_s);
    this.#oldestQueued.set(Math.max(0, ...ages));
  }

  /** The exposition format's media type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }
}
