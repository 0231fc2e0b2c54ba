import type { DerReader } from './der-reader.js';
import { invalidKey } from './invalid-key.js';

/** Bits of an unsigned big-endian magnitude without leading zero octets. */
export const bitLength = (magnitude: Buffer): number =>
  magnitude.length === 0 ? 0 : 8 * (magnitude.length - 1) + (32 - Math.clz32(magnitude[0] ?? 0));

const isOdd = (magnitude: Buffer): boolean => ((magnitude.at(-1) ?? 0) & 1) === 1;

/** OpenSSL takes no longer exponent with a long modulus; none has a use. */
const MAX_EXPONENT_BITS = 64;

/** Of keys whose private half is used here. */
export const PRIVATE_RSA_BOUNDS: RsaBounds = Object.freeze({
  minBits: 2048,
  maxBits: 4096,
  minExponent: 65537n,
});

export interface RsaBounds {
  readonly minBits: number;
  readonly maxBits: number;
  readonly minExponent: bigint;
}

/** Modulus and exponent as they come, so before OpenSSL calculates with them. Returns the modulus's bits. */
export function readRsaPublicNumbers(numbers: DerReader, bounds: RsaBounds): number {
  const modulus = numbers.unsigned();
  const exponent = numbers.unsigned();
  const bits = bitLength(modulus);
  if (bits < bounds.minBits)
    throw invalidKey(`an RSA modulus of ${bits} bits is too short: at least ${bounds.minBits}`);
  if (bits > bounds.maxBits)
    throw invalidKey(`an RSA modulus of ${bits} bits is too long: at most ${bounds.maxBits}`);
  if (!isOdd(modulus)) throw invalidKey('the RSA modulus is even');
  if (!isOdd(exponent)) throw invalidKey('the RSA public exponent is even');
  if (bitLength(exponent) > MAX_EXPONENT_BITS) {
    throw invalidKey(`the RSA public exponent is longer than ${MAX_EXPONENT_BITS} bits`);
  }
  if (BigInt(`0x${exponent.toString('hex')}`) < bounds.minExponent) {
    throw invalidKey(`the RSA public exponent is too small: at least ${bounds.minExponent}`);
  }
  return bits;
}
