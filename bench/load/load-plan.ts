/** One HTTP request, ready to be written to a socket. */
export interface RawRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
}

export interface Pace {
  readonly perSecond: number;
  /** How many at once. */
  readonly group: number;
}

/** What a load process is to do. All requests of a run bear the same token. */
export interface LoadPlan {
  /** Connections are spread over these ports of 127.0.0.1. */
  readonly ports: readonly number[];
  readonly token?: string;
  /** Sent in turn, and again from the first. */
  readonly requests: readonly RawRequest[];
  /** Each has one request under way at a time. */
  readonly connections: number;
  /** Sent so many a second altogether, in groups, on connections that have no request under way; else as fast as answers come. */
  readonly pace?: Pace;
  /** Not measured: what is cached at the first use is cached by then. */
  readonly warmUpMs: number;
  /** When the measured window closes: after so long, or so many answers. */
  readonly until: { readonly ms: number } | { readonly answers: number };
  /** How many answers to hand back, evenly spread over the first thousands. */
  readonly keep: number;
}

/** An answer that was kept, with the place of its request in the plan. */
export interface KeptAnswer {
  readonly request: number;
  readonly body: string;
}

/** What a load process saw. */
export interface LoadReport {
  /** Inside the window. */
  readonly answers: number;
  readonly windowMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers by status, before, inside and after the window. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly kept: readonly KeptAnswer[];
}

export type LoadMessage =
  { readonly type: 'opened' } | { readonly type: 'closed' } | { readonly type: 'report'; report: LoadReport };
