import { AppError } from '#kernel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** Requests a second, a process: by address for callers not yet known, by tenant for those who are. 0 is off. */
export class RateLimits {
  readonly #addresses: RateLimiterMemory | undefined;
  readonly #tenants: RateLimiterMemory | undefined;

  constructor(limits: { readonly perTenant: number; readonly perAddress: number }) {
    const limiter = (points: number): RateLimiterMemory | undefined =>
      points > 0 ? new RateLimiterMemory({ points, duration: 1 }) : undefined;
    this.#addresses = limiter(limits.perAddress);
    this.#tenants = limiter(limits.perTenant);
  }

  /** Throws `rate_limited` with the seconds to wait. */
  address(address: string): Promise<void> {
    return consume(this.#addresses, address);
  }

  tenant(tenantId: string): Promise<void> {
    return consume(this.#tenants, tenantId);
  }
}

async function consume(limiter: RateLimiterMemory | undefined, key: string): Promise<void> {
  if (!limiter) return;
  try {
    await limiter.consume(key);
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    throw new AppError('rate_limited', { retryAfterS: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)) });
  }
}
