import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { AppError } from '#kernel';
import { sha256Hex } from './derive.js';

/** PEM text (RFC 7468) of SubjectPublicKeyInfo. */
export const spkiToPem = (spki: Buffer): string => {
  const lines = spki.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`;
};

/** SHA-256 of SubjectPublicKeyInfo in hex: what a key is known by. */
export const fingerprintOf = (spki: Buffer): string => sha256Hex(spki);

/**
 * JSON Web Key (RFC 7517; RFC 8037 for Ed25519, RFC 8812 for secp256k1, `AKP` for ML-DSA). Throws `AppError`
 * `not_acceptable` where none is defined: P-224, and RSA restricted to RSASSA-PSS.
 */
export function spkiToJwk(spki: Buffer): JsonWebKey {
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  try {
    return key.export({ format: 'jwk' });
  } catch (cause) {
    throw new AppError('not_acceptable', { detail: 'keys of this kind have no JSON Web Key form', cause });
  }
}
