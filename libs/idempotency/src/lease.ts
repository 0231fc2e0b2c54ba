import type { Claim } from './idempotency-key.repository.js';

/** Prolongs the claim of an attempt for as long as its process lives and works on it. */
export class Lease {
  readonly #timer: NodeJS.Timeout;
  #renewal: Promise<void> | undefined;

  /** `renew` gives the claim with its new end, or as it was; it never rejects. */
  constructor(
    private claim: Claim,
    private readonly renew: (claim: Claim) => Promise<Claim>,
    everyMs: number,
  ) {
    this.#timer = setInterval(() => {
      this.#renewal ??= this.#renewed().finally(() => (this.#renewal = undefined));
    }, everyMs).unref();
  }

  /** Prolongs it no more; gives the claim as it stands. */
  async end(): Promise<Claim> {
    clearInterval(this.#timer);
    await this.#renewal;
    return this.claim;
  }

  async #renewed(): Promise<void> {
    this.claim = await this.renew(this.claim);
  }
}
