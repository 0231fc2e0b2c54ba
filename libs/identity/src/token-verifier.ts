import { decodeJwt, jwtVerify, type JWTPayload, type JWTVerifyResult } from 'jose';
import type { Clock, Principal } from '#kernel';
import type { IssuerKeySet } from './issuer-key-set.js';
import type { IssuerRegistry, TrustedIssuer } from './issuer-registry.js';
import { principalFromClaims } from './principal-from-claims.js';
import { refusalOf, refuseToken } from './token-refusal.js';

/** Three parts of base64url (RFC 7515 §7.1), checked because jose's decoder skips white space. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Media types of an access token (RFC 7519 §5.1, RFC 9068 §2.1), in lower case. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'application/jwt', 'at+jwt', 'application/at+jwt']);

/** What a verified token says, and what that rests on. */
export interface Verdict {
  readonly principal: Principal;
  /** `exp` in milliseconds since the Unix epoch, without clock skew. */
  readonly expiresAtMs: number;
  readonly keys: IssuerKeySet;
  /** Generation of `keys` that the signature was verified with. */
  readonly generation: number;
}

function unverifiedClaims(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Verifies JSON Web Tokens (RFC 7519, RFC 8725) against the trusted issuers. */
export class TokenVerifier {
  constructor(
    private readonly issuers: IssuerRegistry,
    private readonly clock: Clock,
  ) {}

  /**
   * Throws `invalid_token` naming the failed check, `tenant_unavailable` or `forbidden` where the issuer claims more
   * than it may, `unavailable` where the issuer's keys cannot be had.
   */
  async verify(token: string): Promise<Verdict> {
    if (!COMPACT_JWS.test(token)) throw refuseToken('malformed');
    const { iss } = unverifiedClaims(token);
    const issuer = typeof iss === 'string' ? this.issuers.find(iss) : undefined;
    if (!issuer) throw refuseToken('issuer');
    const { verified, generation } = await this.#verifySignature(token, issuer);
    const { typ } = verified.protectedHeader;
    if (typ !== undefined && (typeof typ !== 'string' || !TYPES.has(typ.toLowerCase())))
      throw refuseToken('type');
    const expiresAtMs = this.#expiryMs(verified.payload, issuer);
    const principal = principalFromClaims(verified.payload, issuer.config);
    return { principal, expiresAtMs, keys: issuer.keys, generation };
  }

  /** Keys come from the issuer alone: `jku`, `jwk`, `x5u` and `x5c` of the header are never read. */
  async #verifySignature(
    token: string,
    { config, keys }: TrustedIssuer,
  ): Promise<{ verified: JWTVerifyResult; generation: number }> {
    let generation = 0;
    try {
      const verified = await jwtVerify(
        token,
        async (header) => {
          const found = await keys.find(header);
          generation = found.generation;
          return found.key;
        },
        {
          algorithms: config.algorithms,
          issuer: config.issuer,
          audience: config.audience,
          requiredClaims: ['exp', 'sub'],
          clockTolerance: config.clock_skew_s,
          currentDate: new Date(this.clock.now()),
        },
      );
      return { verified, generation };
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** jose has checked that the claims are numbers and that `exp` and `nbf` hold, but takes 1e999 and a future `iat`. */
  #expiryMs({ exp, iat }: JWTPayload, { config }: TrustedIssuer): number {
    if (exp === undefined || !Number.isFinite(exp)) throw refuseToken('claims');
    if (iat !== undefined && iat > this.clock.now() / 1000 + config.clock_skew_s) throw refuseToken('early');
    return exp * 1000;
  }
}
