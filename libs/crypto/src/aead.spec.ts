import { describe, expect, it } from 'vitest';
import { SecretBytes } from '#kernel';
import { AEAD_OVERHEAD, decryptAead, encryptAead } from './aead.js';
import { newSecretKey } from './random.js';

const key = SecretBytes.take(Buffer.alloc(32, 7));
const aad = Buffer.from('aad');
const plaintext = Buffer.from('plaintext');

describe('AES-256-GCM', () => {
  it('opens what it sealed', () => {
    const sealed = encryptAead(key, aad, plaintext);
    expect(sealed.length).toBe(plaintext.length + AEAD_OVERHEAD);
    expect(decryptAead(key, aad, sealed)).toEqual(plaintext);
    expect(decryptAead(key, aad, encryptAead(key, aad, Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  });

  it('never seals twice to the same bytes', () => {
    expect(encryptAead(key, aad, plaintext)).not.toEqual(encryptAead(key, aad, plaintext));
  });

  it('does not open with another key, other data, or any bit changed', () => {
    const sealed = encryptAead(key, aad, plaintext);
    expect(decryptAead(newSecretKey(), aad, sealed)).toBeUndefined();
    expect(decryptAead(key, Buffer.from('aae'), sealed)).toBeUndefined();
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(decryptAead(key, aad, changed)).toBeUndefined();
    }
  });

  it.each([0, 1, AEAD_OVERHEAD - 1])('does not open %i bytes', (length) => {
    expect(decryptAead(key, aad, Buffer.alloc(length))).toBeUndefined();
  });
});
