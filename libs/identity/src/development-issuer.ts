import { SignJWT, type JSONWebKeySet } from 'jose';
import { z } from 'zod';
import type { IssuerConfig } from '#config';
import { AppError, isPermission, isTenantId, systemClock, type Clock } from '#kernel';
import { readOrCreateDevelopmentKey, type DevelopmentKey } from './development-key.js';
import { CLEAN_NAME, keyNarrowing, narrowingDetail } from './key-narrowing.js';

const MAX_TTL_S = 30 * 86_400;

const order = z.strictObject({
  tenant: z.string().refine(isTenantId, 'is not a tenant id'),
  /** Space-separated permissions; a word that is none would be a token that silently cannot. */
  scope: z
    .string()
    .refine((scope) => scope.split(' ').every(isPermission), 'is not a space-separated list of permissions'),
  subject: z.string().regex(CLEAN_NAME, 'is not a name of 1 to 255 characters').default('developer'),
  /** Seconds until the token expires. */
  ttlS: z.number().int().min(1).max(MAX_TTL_S),
  narrowing: keyNarrowing.optional(),
});

/** What a token of the development issuer shall say. */
export type TokenOrder = z.input<typeof order>;

/**
 * The token issuer of a developer's machine: an ES256 key in the data folder. Whoever can read that folder can be
 * anybody, so production neither mints with it nor trusts it.
 */
export class DevelopmentIssuer {
  /** What the API needs to trust this issuer, together with `jwks`. */
  readonly issuerConfig: IssuerConfig = Object.freeze<IssuerConfig>({
    issuer: 'urn:claviger:development',
    audience: ['claviger'],
    algorithms: ['ES256'],
    tenant_claim: 'tenant',
    tenants: '*',
    platform_admin: true,
    clock_skew_s: 30,
  });

  /** The public half of its key. */
  readonly jwks: JSONWebKeySet;

  private constructor(
    private readonly privateJwk: DevelopmentKey,
    private readonly clock: Clock,
  ) {
    const { d: _, ...publicJwk } = privateJwk;
    this.jwks = Object.freeze({ keys: [{ ...publicJwk, use: 'sig' }] });
  }

  /**
   * Opens `<dataDir>/issuer.json`, making it where it is missing; processes that race agree on one key.
   * Throws `ConfigError` where the file cannot be read, is not of its form, or can be read by others.
   */
  static async open(dataDir: string, clock: Clock = systemClock): Promise<DevelopmentIssuer> {
    return new DevelopmentIssuer(await readOrCreateDevelopmentKey(dataDir), clock);
  }

  /** A signed token. Throws `validation_failed` naming what is wrong with the order. */
  async mint(tokenOrder: TokenOrder): Promise<string> {
    const parsed = order.safeParse(tokenOrder);
    if (!parsed.success) {
      const errors = parsed.error.issues.map((issue) => ({
        path: issue.path.join('.'),
        message: issue.message,
      }));
      throw new AppError('validation_failed', { errors });
    }
    const { tenant, scope, subject, ttlS, narrowing } = parsed.data;
    const now = Math.floor(this.clock.now() / 1000);
    const details = narrowing && { authorization_details: [narrowingDetail(narrowing)] };
    return new SignJWT({ tenant, scope, ...details })
      .setProtectedHeader({ alg: 'ES256', kid: this.privateJwk.kid, typ: 'JWT' })
      .setIssuer(this.issuerConfig.issuer)
      .setAudience(this.issuerConfig.audience)
      .setSubject(subject)
      .setIssuedAt(now)
      .setExpirationTime(now + ttlS)
      .sign(this.privateJwk);
  }
}
