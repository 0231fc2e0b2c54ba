import { DerReader } from './der-reader.js';
import { derSequence, derUnsigned } from './der-writer.js';
import type { KeySpec } from './key-specs.js';

/** How an ECDSA signature is written: DER (RFC 3279 §2.2.3), or r ‖ s of fixed length, which is also what JWS carries (RFC 7518 §3.4). */
export type SignatureFormat = 'der' | 'raw' | 'jws';

/** An ECDSA signature as numbers, both in 1 … order − 1. */
export interface EcdsaSignature {
  readonly r: bigint;
  readonly s: bigint;
}

const toBigInt = (magnitude: Buffer): bigint => BigInt(`0x${magnitude.toString('hex')}`);

const toBytes = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');

const orderLength = (order: bigint): number => Math.ceil(order.toString(2).length / 8);

const inRange = ({ r, s }: EcdsaSignature, order: bigint): boolean =>
  r > 0n && r < order && s > 0n && s < order;

/** Reads strict DER: minimal integers, nothing behind them, 0 < r, s < order. Anything else is `undefined`. */
export function parseEcdsaDer(der: Buffer, order: bigint): EcdsaSignature | undefined {
  try {
    const outer = new DerReader(der);
    const body = outer.sequence();
    outer.end();
    const signature = { r: toBigInt(body.unsigned()), s: toBigInt(body.unsigned()) };
    body.end();
    return inRange(signature, order) ? signature : undefined;
  } catch {
    return undefined;
  }
}

/** Reads r ‖ s, each exactly as long as the order. Anything else is `undefined`. */
export function parseEcdsaRaw(raw: Buffer, order: bigint): EcdsaSignature | undefined {
  const length = orderLength(order);
  if (raw.length !== 2 * length) return undefined;
  const signature = { r: toBigInt(raw.subarray(0, length)), s: toBigInt(raw.subarray(length)) };
  return inRange(signature, order) ? signature : undefined;
}

export function encodeEcdsaDer({ r, s }: EcdsaSignature): Buffer {
  const integer = (value: bigint): Buffer =>
    derUnsigned(toBytes(value, Math.ceil(value.toString(16).length / 2)));
  return derSequence(integer(r), integer(s));
}

export function encodeEcdsaRaw({ r, s }: EcdsaSignature, order: bigint): Buffer {
  const length = orderLength(order);
  return Buffer.concat([toBytes(r, length), toBytes(s, length)]);
}

/** The same signature with s ≤ order / 2 (BIP 146). */
export const toLowS = ({ r, s }: EcdsaSignature, order: bigint): EcdsaSignature => ({
  r,
  s: 2n * s > order ? order - s : s,
});

/** Normalises a DER signature to low S. Throws `TypeError` for what is not a strict DER signature. */
export function lowSDer(der: Buffer, order: bigint): Buffer {
  const signature = parseEcdsaDer(der, order);
  if (!signature) throw new TypeError('not a DER-encoded ECDSA signature');
  return encodeEcdsaDer(toLowS(signature, order));
}

/**
 * Writes a signature, as engines return it, in the format asked for. Formats differ for ECDSA only; other
 * signatures are returned as they are.
 */
export function formatSignature(signature: Buffer, spec: KeySpec, format: SignatureFormat): Buffer {
  if (format === 'der' || spec.order === undefined) return signature;
  const parsed = parseEcdsaDer(signature, spec.order);
  if (!parsed) throw new TypeError('not a DER-encoded ECDSA signature');
  return encodeEcdsaRaw(parsed, spec.order);
}
