import { expect, it } from 'vitest';
import { SecretBytes } from '#kernel';
import { constantTimeEqual, deriveKey, hmacSha256, hmacSha256Hex, sha256, sha256Hex } from './derive.js';

const key = (hex: string): SecretBytes => SecretBytes.take(Buffer.from(hex, 'hex'));

it('hashes as FIPS 180-4 demands', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(sha256(Buffer.from('abc')).toString('hex')).toBe(sha256Hex('abc'));
});

it('authenticates as RFC 4231 test case 2 demands', () => {
  const input = [SecretBytes.take(Buffer.from('Jefe')), 'what do ya want for nothing?'] as const;
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  expect(hmacSha256(...input).toString('hex')).toBe(expected);
  expect(hmacSha256Hex(input[0], Buffer.from(input[1]))).toBe(expected);
});

it('derives as RFC 5869 test case 3 demands', () => {
  const derived = deriveKey(key('0b'.repeat(22)), '');
  expect(derived.expose('test').toString('hex')).toBe(
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
  );
});

it('derives another key for each purpose and from each key', () => {
  const hex = (from: string, info: string): string =>
    deriveKey(key(from), info).expose('test').toString('hex');
  expect(new Set([hex('00', 'a'), hex('00', 'b'), hex('01', 'a')]).size).toBe(3);
});

it('compares equal bytes only as equal, and different lengths as different', () => {
  expect(constantTimeEqual(Buffer.from('a'), Buffer.from('a'))).toBe(true);
  expect(constantTimeEqual(Buffer.from('a'), Buffer.from('b'))).toBe(false);
  expect(constantTimeEqual(Buffer.from('a'), Buffer.from('aa'))).toBe(false);
});
