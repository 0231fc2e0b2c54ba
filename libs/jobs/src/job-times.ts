/** How long things about jobs take, in milliseconds. */
export interface JobTimes {
  /** A lease is good for this long; it is renewed three times as often. */
  readonly leaseMs: number;
  /** A job that has worked for so long gives way to others at its next note of progress. */
  readonly turnMs: number;
  /** A job that was told to a queue and has not moved since is told again. */
  readonly redispatchMs: number;
  /** How often it is looked for such jobs. */
  readonly sweepMs: number;
  /** The second attempt comes this late, each further one twice as late as the one before. */
  readonly retryMs: number;
  /** … and never later than this. */
  readonly retryMaxMs: number;
  /** A job that has ended is removed after so long. */
  readonly keepMs: number;
}

export const JOB_TIMES: JobTimes = Object.freeze({
  leaseMs: 15_000,
  turnMs: 5_000,
  redispatchMs: 15_000,
  sweepMs: 2_000,
  retryMs: 1_000,
  retryMaxMs: 300_000,
  keepMs: 30 * 24 * 60 * 60_000,
});

/** How long to wait after so many failures. */
export const backoffMs = (failures: number, { retryMs, retryMaxMs }: JobTimes): number =>
  Math.min(retryMaxMs, retryMs * 2 ** Math.max(0, failures - 1));
