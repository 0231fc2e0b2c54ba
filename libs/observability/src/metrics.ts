import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

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

  /** The exposition format's media type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }
}
