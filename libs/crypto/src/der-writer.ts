import { DER_TAG } from './der-reader.js';

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const octets = Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, 'hex');
  return Buffer.concat([Buffer.of(0x80 | octets.length), octets]);
}

/** One DER element. The parts are copied: whoever passes secrets wipes what comes back. */
export function derElement(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.of(tag), lengthOctets(length), ...parts]);
}

export const derSequence = (...parts: readonly Buffer[]): Buffer => derElement(DER_TAG.sequence, ...parts);

/** INTEGER of an unsigned big-endian magnitude, leading zeros allowed. */
export function derUnsigned(magnitude: Buffer): Buffer {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const minimal = first === -1 ? Buffer.of(0) : magnitude.subarray(first);
  const sign = (minimal[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0);
  return derElement(DER_TAG.integer, sign, minimal);
}

/** BIT STRING of whole octets. */
export const derBitString = (octets: Buffer): Buffer => derElement(DER_TAG.bitString, Buffer.of(0), octets);

/** OBJECT IDENTIFIER from dotted decimal. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const base128 = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      base128.unshift((left % 128) | 0x80);
    return base128;
  });
  return derElement(DER_TAG.oid, Buffer.from(octets));
}
