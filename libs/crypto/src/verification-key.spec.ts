import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { VerificationKey } from './verification-key.js';

const rsa = (modulusLength: number, publicExponent: number): VerificationKey => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  return VerificationKey.of(publicKey.export({ type: 'spki', format: 'der' }));
};

describe('a decoded public key', () => {
  it.each([
    [2048, 3, true],
    [2048, 0x10001, true],
    // As slow as signing where the exponent is as long as the modulus: it must not hold up the event loop.
    [2048, 0x10003, false],
  ])('of RSA %i with the exponent %i is verified by on the spot: %s', (bits, exponent, quick) => {
    expect(rsa(bits, exponent).isQuickRsa).toBe(quick);
  });

  it('of a curve is no RSA', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    expect(VerificationKey.of(spki).isQuickRsa).toBe(false);
  });

  it('is decoded once', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    expect(VerificationKey.of(Buffer.from(spki))).toBe(VerificationKey.of(spki));
  });
});
