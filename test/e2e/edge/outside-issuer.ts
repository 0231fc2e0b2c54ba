import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';

/** A signing key of an issuer, and how it stands in the issuer's key set. */
export interface IssuerKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function makeKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export type Claims = Record<string, unknown>;

/** An issuer that an operator has configured, its key set in a file. */
export class OutsideIssuer {
  readonly audience = 'claviger-of-the-test';

  private constructor(
    readonly issuer: string,
    private readonly folder: string,
    public key: IssuerKey,
  ) {}

  static async create(issuer: string): Promise<OutsideIssuer> {
    const folder = await mkdtemp(join(tmpdir(), 'claviger-issuer-'));
    const made = new OutsideIssuer(issuer, folder, await makeKey('key-of-the-issuer'));
    await made.publish([made.key]);
    return made;
  }

  get jwksFile(): string {
    return join(this.folder, 'jwks.json');
  }

  /** As CLAVIGER_ISSUERS has it. */
  config(rest: Record<string, unknown>): Record<string, unknown> {
    return { issuer: this.issuer, audience: this.audience, jwks_file: this.jwksFile, ...rest };
  }

  async publish(keys: readonly IssuerKey[]): Promise<void> {
    await writeFile(this.jwksFile, JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  }

  /** Claims that are accepted, but for what `overrides` says; a member given as undefined is left out. */
  claims(overrides: Claims = {}): Claims {
    const now = Math.floor(Date.now() / 1_000);
    const { issuer: iss, audience: aud } = this;
    const good = {
      iss,
      aud,
      sub: 'alice',
      tenant: 'acme',
      scope: 'kms:keys:read',
      iat: now,
      exp: now + 3_600,
    };
    return { ...good, ...overrides };
  }

  mint(overrides: Claims = {}, key: IssuerKey = this.key): Promise<string> {
    return sign(this.claims(overrides), { alg: key.alg, kid: key.kid, typ: 'JWT' }, key.privateKey);
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** A JWS over whatever it is given. */
export const sign = (
  claims: Claims,
  header: { alg: string; [name: string]: unknown },
  key: CryptoKey | Uint8Array,
): Promise<string> =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader(header).sign(key);
