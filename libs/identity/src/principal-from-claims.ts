import type { JWTPayload } from 'jose';
import type { IssuerConfig } from '#config';
import {
  AppError,
  isPermission,
  isTenantId,
  PLATFORM_PERMISSIONS,
  type Permission,
  type Principal,
} from '#kernel';
import { CLEAN_NAME, narrowingOf } from './key-narrowing.js';
import { refuseToken } from './token-refusal.js';

function subjectOf(claims: JWTPayload): string {
  if (typeof claims.sub === 'string' && CLEAN_NAME.test(claims.sub)) return claims.sub;
  throw refuseToken('claims');
}

/** Decided by the issuer's own list alone: whether such a tenant exists is neither asked nor told. */
function tenantOf(claims: JWTPayload, config: IssuerConfig): string {
  const tenant = Object.hasOwn(claims, config.tenant_claim) ? claims[config.tenant_claim] : undefined;
  if (isTenantId(tenant) && (config.tenants === '*' || config.tenants.includes(tenant))) return tenant;
  throw new AppError('tenant_unavailable', {
    detail: 'The issuer may not speak for the tenant of the token.',
  });
}

/** Words of a scope: space-separated text (RFC 6749 §3.3), or an array as some issuers write `scp`. */
function scopeWords(claim: unknown): readonly string[] {
  if (claim === undefined) return [];
  if (typeof claim === 'string') return claim.split(' ');
  if (Array.isArray(claim) && claim.every((word) => typeof word === 'string')) return claim;
  throw refuseToken('claims');
}

function permissionsOf(claims: JWTPayload, config: IssuerConfig): ReadonlySet<Permission> {
  const words = [...scopeWords(claims.scope), ...scopeWords(claims.scp)];
  const permissions = new Set(words.filter(isPermission));
  const beyond = [...permissions].find((permission) => PLATFORM_PERMISSIONS.has(permission));
  if (beyond && !config.platform_admin) {
    throw new AppError('forbidden', { detail: `The issuer may not grant ${beyond}.` });
  }
  return permissions;
}

/**
 * Who the bearer of verified claims is, within what its issuer may claim. Scopes that are no permission of
 * Claviger mean nothing here. Throws `invalid_token` for malformed claims, `tenant_unavailable` for a tenant
 * outside the issuer's list and `forbidden` for a permission over the platform from an issuer that may not grant it: such an
 * issuer is misconfigured or dishonest, so the token is refused as a whole.
 */
export function principalFromClaims(claims: JWTPayload, config: IssuerConfig): Principal {
  const subject = subjectOf(claims);
  const tenantId = tenantOf(claims, config);
  const permissions = permissionsOf(claims, config);
  const narrowing = narrowingOf(claims.authorization_details);
  return Object.freeze({
    issuer: config.issuer,
    subject,
    tenantId,
    permissions,
    ...(narrowing && { narrowing }),
  });
}
