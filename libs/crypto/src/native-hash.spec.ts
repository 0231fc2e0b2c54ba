import { createHash, createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nativeDigest, nativeHmacSha256Hex } from './native-hash.js';

const SIZES = [0, 1, 55, 56, 64, 65, 111, 112, 128, 1_000, 100_000];

describe.each(['sha256', 'sha384', 'sha512'] as const)('%s by OpenSSL itself', (name) => {
  it.each(SIZES)('is what node:crypto makes of %i bytes', (size) => {
    const message = randomBytes(size);
    const digest = nativeDigest(name, message);
    expect(digest).toEqual(createHash(name).update(message).digest());
    // Each has its own: the next must not write over it.
    const before = Buffer.from(digest);
    nativeDigest(name, randomBytes(3));
    expect(digest).toEqual(before);
  });
});

describe('HMAC-SHA-256 by OpenSSL itself', () => {
  it('is as RFC 4231 test case 2 demands', () => {
    expect(nativeHmacSha256Hex(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  it('keeps nothing of one key for the next, whatever their lengths', () => {
    const pairs = [32, 32, 1, 64, 65, 200, 32].flatMap((length) =>
      SIZES.map((size) => [randomBytes(length), randomBytes(size)] as const),
    );
    for (const [key, data] of pairs)
      expect(nativeHmacSha256Hex(key, data)).toBe(createHmac('sha256', key).update(data).digest('hex'));
  });

  it('refuses an empty key, which would stand for the one before', () => {
    nativeHmacSha256Hex(randomBytes(32), randomBytes(3));
    expect(() => nativeHmacSha256Hex(Buffer.alloc(0), randomBytes(3))).toThrow(TypeError);
  });
});
