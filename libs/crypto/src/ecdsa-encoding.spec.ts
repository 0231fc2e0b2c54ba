import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeEcdsaDer,
  encodeEcdsaRaw,
  formatSignature,
  lowSDer,
  parseEcdsaDer,
  parseEcdsaRaw,
  toLowS,
} from './ecdsa-encoding.js';
import { KEY_SPECS, findKeySpec } from './key-specs.js';

const curves = KEY_SPECS.filter((spec) => spec.order !== undefined).map(
  (spec) => [spec.namedCurve!, spec] as const,
);
const order = findKeySpec('ECDSA', 256)!.order!;

describe.each(curves)('an ECDSA signature of %s', (namedCurve, spec) => {
  it('survives DER and raw for every r and s in range', () => {
    const scalar = fc.bigInt({ min: 1n, max: spec.order! - 1n });
    fc.assert(
      fc.property(scalar, scalar, (r, s) => {
        expect(parseEcdsaDer(encodeEcdsaDer({ r, s }), spec.order!)).toEqual({ r, s });
        expect(parseEcdsaRaw(encodeEcdsaRaw({ r, s }, spec.order!), spec.order!)).toEqual({ r, s });
      }),
    );
  });

  it('is written as OpenSSL writes it', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    const der = sign('sha256', Buffer.from('m'), privateKey);
    const parsed = parseEcdsaDer(der, spec.order!)!;
    expect(encodeEcdsaDer(parsed)).toEqual(der);
    const raw = sign('sha256', Buffer.from('m'), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    expect(formatSignature(encodeEcdsaDer(parseEcdsaRaw(raw, spec.order!)!), spec, 'jws')).toEqual(raw);
  });
});

describe('strictness', () => {
  it.each([
    ['r = 0', encodeEcdsaDer({ r: 0n, s: 1n })],
    ['s = 0', encodeEcdsaDer({ r: 1n, s: 0n })],
    ['r = order', encodeEcdsaDer({ r: order, s: 1n })],
    ['s = order', encodeEcdsaDer({ r: 1n, s: order })],
    ['a byte behind the sequence', Buffer.from('3006020101020101ff', 'hex')],
    ['a third integer', Buffer.from('3009020101020101020101', 'hex')],
    ['nothing', Buffer.alloc(0)],
  ])('refuses %s', (_, der) => {
    expect(parseEcdsaDer(der, order)).toBeUndefined();
  });

  it('refuses raw signatures of another length', () => {
    const raw = encodeEcdsaRaw({ r: 1n, s: 1n }, order);
    expect(parseEcdsaRaw(raw, order)).toEqual({ r: 1n, s: 1n });
    expect(parseEcdsaRaw(raw.subarray(1), order)).toBeUndefined();
    expect(parseEcdsaRaw(Buffer.concat([raw, Buffer.of(0)]), order)).toBeUndefined();
  });
});

describe('low S', () => {
  it('is at most half of the order and the same signature', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: order - 1n }), (s) => {
        const low = toLowS({ r: 1n, s }, order);
        expect(2n * low.s <= order).toBe(true);
        expect([s, order - s]).toContain(low.s);
      }),
    );
  });

  it('leaves a low one byte for byte, and refuses what is no signature', () => {
    const der = encodeEcdsaDer({ r: 7n, s: 9n });
    expect(lowSDer(der, order)).toEqual(der);
    expect(() => lowSDer(Buffer.from('00', 'hex'), order)).toThrow(TypeError);
  });
});

it('returns signatures of other algorithms as they are', () => {
  const signature = Buffer.alloc(64, 1);
  expect(formatSignature(signature, findKeySpec('Ed25519', undefined)!, 'raw')).toBe(signature);
});
