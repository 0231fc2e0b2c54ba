import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '#kernel';

/** The account's quotas at AWS are everybody's: so many requests a second may come from one tenant, in this process. */
export class TenantQuota {
  readonly #limiter: RateLimiterMemory;

  constructor(requestsPerSecond: number) {
    this.#limiter = new RateLimiterMemory({ points: requestsPerSecond, duration: 1 });
  }

  /** Throws `rate_limited` with the seconds to wait. */
  async take(tenantId: string): Promise<void> {
    try {
      await this.#limiter.consume(tenantId);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw new AppError('rate_limited', {
        detail: 'The tenant asks AWS KMS for more than it is allowed in a second.',
        retryAfterS: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)),
      });
    }
  }
}
