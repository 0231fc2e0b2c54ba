import { describe, expect, it } from 'vitest';
import { KEY_SPECS, findKeySpec } from './key-specs.js';
import { SIGNATURE_TABLE, findSignatureRow, fits } from './signature-table.js';

describe('the table of signature algorithms', () => {
  it('has no name twice', () => {
    const names = SIGNATURE_TABLE.flatMap((row) => [row.name, ...row.aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const row of SIGNATURE_TABLE) {
      for (const name of [row.name, ...row.aliases]) expect(findSignatureRow(name)).toBe(row);
    }
  });

  it.each(['', 'rs256', 'none', 'HS256', 'toString', '__proto__', 'constructor'])(
    'does not resolve "%s"',
    (name) => {
      expect(findSignatureRow(name)).toBeUndefined();
    },
  );

  it('has a row for every kind of key, and a kind of key for every row', () => {
    for (const spec of KEY_SPECS) expect(SIGNATURE_TABLE.some((row) => fits(row, spec))).toBe(true);
    for (const row of SIGNATURE_TABLE) expect(KEY_SPECS.some((spec) => fits(row, spec))).toBe(true);
  });

  it('never pairs secp256k1 with rows that allow high S, nor ML-DSA sets with each other', () => {
    const secp256k1 = findKeySpec('ECDSA_SECP256K1', 256)!;
    expect(SIGNATURE_TABLE.filter((row) => fits(row, secp256k1)).every((row) => row.lowS)).toBe(true);
    const mlDsa = KEY_SPECS.filter((spec) => spec.algorithm === 'ML_DSA');
    for (const spec of mlDsa) expect(SIGNATURE_TABLE.filter((row) => fits(row, spec))).toHaveLength(1);
  });
});

describe('kinds of keys', () => {
  it.each([
    ['RSA', 2048, true],
    ['RSA', 2304, false],
    ['RSA', undefined, false],
    ['ECDSA', undefined, false],
    ['Ed25519', undefined, true],
    ['Ed25519', 255, false],
    ['ED25519', 256, false],
  ])('%s of size %s is known: %s', (algorithm, size, known) => {
    expect(findKeySpec(algorithm, size) !== undefined).toBe(known);
  });
});
