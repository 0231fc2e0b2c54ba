import { LRUCache } from 'lru-cache';
import { sha256Hex } from '#crypto';
import { AppError, systemClock, type Clock, type Principal } from '#kernel';
import { findBearerToken, MAX_TOKEN_LENGTH } from './bearer-token.js';
import type { IssuerRegistry } from './issuer-registry.js';
import { refuseToken } from './token-refusal.js';
import { TokenVerifier, type Verdict } from './token-verifier.js';

const MAX_VERDICTS = 10_000;
const VERDICT_LIFE_MS = 60_000;

/** Tokens are held by their hash only, so that a dump of the process has no credential that outlived its request. */
const keyOf = sha256Hex;

/**
 * Establishes who is calling from a bearer token. A verified token is remembered for at most 60 s and never beyond
 * its `exp`, and only as long as the issuer's keys stay the ones it was verified with. Refusals are not remembered.
 * Whether the tenant is suspended is not asked here and not remembered.
 */
export class Authenticator {
  readonly #verdicts = new LRUCache<string, Verdict>({ max: MAX_VERDICTS });
  readonly #verifying = new Map<string, Promise<Principal>>();
  readonly #verifier: TokenVerifier;

  constructor(
    issuers: IssuerRegistry,
    private readonly clock: Clock = systemClock,
  ) {
    this.#verifier = new TokenVerifier(issuers, clock);
  }

  /** The principal of a token that is remembered, at the cost of one hash; undefined says nothing about the token. */
  peek(authorization: string | undefined): Principal | undefined {
    const token = findBearerToken(authorization);
    if (token === undefined || token.length > MAX_TOKEN_LENGTH) return undefined;
    return this.#remembered(keyOf(token));
  }

  /**
   * The principal of the token in an `Authorization` header. Throws `unauthenticated` where there is no bearer token,
   * `invalid_token` naming the failed check, `tenant_unavailable` or `forbidden` where the issuer claims more than it
   * may, and `unavailable` with `Retry-After` where the issuer's keys cannot be had.
   */
  async authenticate(authorization: string | undefined): Promise<Principal> {
    const token = findBearerToken(authorization);
    if (token === undefined) throw new AppError('unauthenticated');
    if (token.length > MAX_TOKEN_LENGTH) throw refuseToken('malformed');
    const key = keyOf(token);
    const remembered = this.#remembered(key);
    if (remembered) return remembered;
    const running = this.#verifying.get(key) ?? this.#start(token, key);
    return running;
  }

  #start(token: string, key: string): Promise<Principal> {
    const running = this.#verify(token, key).finally(() => this.#verifying.delete(key));
    this.#verifying.set(key, running);
    return running;
  }

  async #verify(token: string, key: string): Promise<Principal> {
    // Keys that grew too old for the verdict and turn out to be the same on loading confirm it without a verification.
    await this.#verdicts.peek(key)?.keys.refresh();
    const confirmed = this.#remembered(key);
    if (confirmed) return confirmed;
    const verdict = await this.#verifier.verify(token);
    const expiresAtMs = Math.min(verdict.expiresAtMs, this.clock.now() + VERDICT_LIFE_MS);
    this.#verdicts.set(key, { ...verdict, expiresAtMs });
    return verdict.principal;
  }

  #remembered(key: string): Principal | undefined {
    const verdict = this.#verdicts.get(key);
    if (!verdict || this.clock.now() >= verdict.expiresAtMs) return undefined;
    return verdict.keys.holds(verdict.generation) ? verdict.principal : undefined;
  }
}
