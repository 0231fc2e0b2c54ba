import type { Transaction } from '#database';
import type { RequestContext } from '#kernel';

/** One attempt at a job, as its kind sees it. */
export interface JobRun {
  readonly jobId: string;
  /** The context of the request that asked for the job: its tenant, and in whose name to act and to be recorded. */
  readonly ctx: RequestContext;
  /** What was given to `JobStore.enqueue`. */
  readonly input: unknown;
  /** What earlier attempts reported as done, 0 at first. */
  readonly done: number;
  readonly total: number;
  /** Counts from 1. */
  readonly attempt: number;
  /**
   * Aborted when this attempt should stop: somebody cancelled the job, its lease is lost, its tenant is suspended, or
   * the process ends. It may be aborted from the beginning, where the job was cancelled while nobody ran it: what an
   * earlier attempt left half done can then still be put right.
   */
  readonly signal: AbortSignal;
  /**
   * Notes that `done` of `total` is done, which a round trip and a row's change are paid for. Once it resolves, this
   * attempt was still the job's only one. Throws, as `signal.throwIfAborted()` does, when the attempt should stop, and
   * when it has done something and had its turn: others wait, and the next attempt goes on from `done`. Throws
   * `unavailable` when the database cannot be reached.
   */
  progress(done: number): Promise<void>;
  /**
   * Locks the job in `tx`, a transaction of its tenant, and throws unless this is still its attempt: what `tx` changes
   * is then changed by one attempt only, whatever became of the others.
   */
  hold(tx: Transaction): Promise<void>;
}

/**
 * A kind of long work. `run` gives the job's result: JSON of at most 64 KiB, never a secret.
 *
 * **A run must be repeatable.** A process may be killed at any instant, a finished run may not get to say so, and then
 * the next attempt begins anew with the same input. What `run` does outside of the database is therefore done under
 * ids that its input fixes or that an earlier transaction stored, and found again rather than made twice; what it does
 * in the database, it does once by `hold`, or in statements that change nothing the second time.
 *
 * Where `run` throws an `AppError` of another code than `unavailable` or `internal`, the job has failed with that code
 * and detail. Whatever else it throws is tried again, later each time, until `maxFailures`. Where it throws after it
 * was asked to stop, the job is cancelled or handed back, as was asked; where it ends well all the same, the job has
 * succeeded.
 */
export interface JobKind {
  /** As the API shows it, `plane.object.verb`. */
  readonly kind: string;
  /**
   * Attempts in a row that may fail, or be lost with their process, without getting any further, before the job has
   * failed; 10 unless given.
   */
  readonly maxFailures?: number;
  run(job: JobRun): Promise<unknown>;
}
