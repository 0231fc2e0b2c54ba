import type { Meter } from './measure.js';
import type { OpenSslSpeeds } from './openssl.js';
import type { Report } from './report.js';
import type { ServerPairs } from './server-pair.js';
import type { Stage } from './stage.js';

/** How much of everything a run does. */
export interface Scale {
  /** Length of one measured window. */
  readonly seconds: number;
  /** How often cases that are compared are measured in turn. */
  readonly turns: number;
  /** Keys of the largest tenant. */
  readonly keys: number;
  /** Tenants beside it. */
  readonly tenants: number;
  /** Requests over which memory must stay flat. */
  readonly requests: number;
}

export interface Bench {
  readonly stage: Stage;
  readonly meter: Meter;
  readonly pairs: ServerPairs;
  readonly speeds: OpenSslSpeeds;
  readonly report: Report;
  readonly scale: Scale;
}

/** One part of the benchmark; `--only` chooses by name. */
export interface BenchPart {
  readonly name: string;
  readonly title: string;
  /** Whether it measures a pair of servers; it leaves one for the next part that does. */
  readonly paired?: true;
  readonly run: (bench: Bench) => Promise<void>;
}
