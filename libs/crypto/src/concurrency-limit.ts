import { AppError } from '#kernel';

/** At most `running` tasks at once, the rest wait in order; beyond `waiting` they are refused with `unavailable`. */
export class ConcurrencyLimit {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(
    running: number,
    private readonly waiting: number,
  ) {
    this.#free = running;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn();
    try {
      return await task();
    } finally {
      // A place goes straight to the next in line, so that nobody overtakes it.
      const next = this.#queue.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #turn(): Promise<void> {
    if (this.#queue.length >= this.waiting) {
      throw new AppError('unavailable', { detail: 'too much of this work is waiting', retryAfterS: 2 });
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }
}
