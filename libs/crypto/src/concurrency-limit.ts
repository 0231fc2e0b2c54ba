import { AppError } from '#kernel';

/**
 * At most `running` tasks at once. The rest wait by group, at most `waiting` of each, and the groups take turns: a
 * group waits for the others' tasks under way and one more of each, however many they have waiting.
 */
export class ConcurrencyLimit {
  #free: number;
  /** Groups in the order of their turns; none is empty. */
  readonly #waiting = new Map<string | undefined, (() => void)[]>();

  constructor(
    running: number,
    private readonly waiting: number,
  ) {
    this.#free = running;
  }

  /**
   * Runs the task when its turn comes. Throws `rate_limited` when too many of the group's own tasks wait, or
   * `unavailable` where the group is undefined: nobody's in particular.
   */
  async run<T>(group: string | undefined, task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(group);
    try {
      return await task();
    } finally {
      // A place goes straight to the next in line, so that nobody overtakes it.
      const next = this.#next();
      if (next) next();
      else this.#free += 1;
    }
  }

  #turn(group: string | undefined): Promise<void> {
    const queue = this.#waiting.get(group) ?? [];
    if (queue.length >= this.waiting) {
      throw new AppError(group === undefined ? 'unavailable' : 'rate_limited', {
        detail: 'Too much of this work is waiting.',
        retryAfterS: 2,
      });
    }
    this.#waiting.set(group, queue);
    return new Promise((resolve) => queue.push(resolve));
  }

  /** Takes the next task of the group whose turn it is, which then stands behind the others. */
  #next(): (() => void) | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [group, queue] = first;
    const next = queue.shift();
    this.#waiting.delete(group);
    if (queue.length > 0) this.#waiting.set(group, queue);
    return next;
  }
}
