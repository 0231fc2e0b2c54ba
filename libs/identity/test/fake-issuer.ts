import { CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import type { IssuerConfig } from '#config';
import type { Clock } from '#kernel';

/** A clock that a test moves. It starts at a whole second. */
export class FakeClock implements Clock {
  nowMs = Date.UTC(2026, 0, 1);

  now(): number {
    return this.nowMs;
  }

  get nowS(): number {
    return this.nowMs / 1000;
  }

  advanceS(seconds: number): void {
    this.nowMs += seconds * 1000;
  }
}

/** A signing key of an issuer. */
export interface IssuerKey {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** As it stands in the issuer's key set. */
  readonly jwk: JWK;
}

export async function makeIssuerKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' } };
}

export const issuerConfig = (overrides: Partial<IssuerConfig> = {}): IssuerConfig => ({
  issuer: 'https://issuer.example',
  audience: ['claviger'],
  algorithms: ['ES256'],
  tenant_claim: 'tenant',
  tenants: ['acme', 'globex'],
  platform_admin: false,
  clock_skew_s: 30,
  ...overrides,
});

/** Claims that `issuerConfig()` accepts; a member given as undefined is left out. */
export const goodClaims = (
  clock: FakeClock,
  overrides: Record<string, unknown> = {},
): Record<string, unknown> => ({
  iss: 'https://issuer.example',
  aud: 'claviger',
  sub: 'alice',
  tenant: 'acme',
  scope: 'openid kms:keys:read kms:keys:sign',
  iat: clock.nowS,
  exp: clock.nowS + 3600,
  ...overrides,
});

/** Signs whatever it is given, claims as an object or as JSON text. */
export function signToken(
  key: Pick<IssuerKey, 'alg' | 'jwk'> & { readonly privateKey: CryptoKey | Uint8Array },
  claims: Record<string, unknown> | string,
  header: Record<string, unknown> = {},
): Promise<string> {
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
  const crit = Object.fromEntries(Array.isArray(header.crit) ? header.crit.map((name) => [name, true]) : []);
  return new CompactSign(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: key.alg, kid: key.jwk.kid, typ: 'JWT', ...header })
    .sign(key.privateKey, { crit });
}
