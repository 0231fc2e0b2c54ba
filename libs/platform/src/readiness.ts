import { systemClock, type Clock } from '#kernel';

/** A verdict is this old at most, in milliseconds, counted from when its question was answered. */
const KEPT_MS = 1_000;

/**
 * Asks whether a part answers, for any number of askers at once: one question is under way at a time, and its outcome,
 * good or bad, holds for a second. Whoever may ask without a token cannot take connections from those who work.
 */
export class Readiness {
  #verdict: Promise<void> | undefined;
  #underWay = false;
  #keptUntil = 0;

  constructor(
    private readonly ping: () => Promise<void>,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Throws what the question threw. */
  check(): Promise<void> {
    if (this.#verdict && (this.#underWay || this.clock.now() < this.#keptUntil)) return this.#verdict;
    this.#underWay = true;
    this.#verdict = this.ping().finally(() => {
      this.#underWay = false;
      this.#keptUntil = this.clock.now() + KEPT_MS;
    });
    return this.#verdict;
  }
}
