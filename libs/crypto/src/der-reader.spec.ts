import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DerError, DerReader } from './der-reader.js';
import { derElement, derOid, derSequence, derUnsigned } from './der-writer.js';

const reader = (hex: string): DerReader => new DerReader(Buffer.from(hex, 'hex'));

describe('DerReader', () => {
  it.each([
    ['an indefinite length', '3080020101' + '0000'],
    ['a length with a leading zero octet', '308200030201' + '01'],
    ['a long length that a short one could say', '308103020101'],
    ['a length beyond the end', '3005020101'],
    ['a length that is missing', '30'],
    ['a length of more octets than there are', '3084'],
  ])('refuses %s', (_, hex) => {
    expect(() => reader(hex).sequence()).toThrow(DerError);
  });

  it.each([
    ['a negative integer', '020180'],
    ['an integer with a needless zero octet', '02020001'],
    ['an empty integer', '0200'],
    ['another type', '040101'],
  ])('refuses %s as unsigned', (_, hex) => {
    expect(() => reader(hex).unsigned()).toThrow(DerError);
  });

  it.each([
    ['an arc with leading zeros', '06022a80' + '01'],
    ['an arc that does not end', '06032a8648'.replace('48', '86')],
    ['no arc', '0600'],
  ])('refuses an object identifier of %s', (_, hex) => {
    expect(() => reader(hex).oid()).toThrow(DerError);
  });

  it('refuses what follows the end', () => {
    const outer = reader('3003020101ff');
    outer.sequence();
    expect(() => outer.end()).toThrow(DerError);
  });

  it('refuses integers beyond 48 bits where a small one is due', () => {
    expect(() => reader('020701000000000000').smallUnsigned()).toThrow(DerError);
    expect(reader('0206010000000000').smallUnsigned()).toBe(2 ** 40);
  });

  it('reads back every unsigned integer that the writer writes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 4200n }), (value) => {
        const hex = value.toString(16);
        const written = derUnsigned(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
        expect(BigInt(`0x${new DerReader(written).unsigned().toString('hex')}`)).toBe(value);
      }),
    );
  });

  it('reads back every object identifier that the writer writes', () => {
    const arcs = fc.tuple(
      fc.oneof(fc.tuple(fc.constantFrom(0, 1), fc.nat(39)), fc.tuple(fc.constant(2), fc.nat(1000))),
      fc.array(fc.nat(2 ** 31 - 1), { maxLength: 5 }),
    );
    fc.assert(
      fc.property(arcs, ([root, rest]) => {
        const dotted = [...root, ...rest].join('.');
        expect(new DerReader(derOid(dotted)).oid()).toBe(dotted);
      }),
    );
  });

  it('never fails otherwise than by DerError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const read of ['sequence', 'unsigned', 'smallUnsigned', 'oid', 'bitString'] as const) {
          try {
            new DerReader(Buffer.from(bytes))[read]();
          } catch (error) {
            expect(error).toBeInstanceOf(DerError);
          }
        }
      }),
    );
  });

  it('gives views, so that a secret is not multiplied', () => {
    const der = derSequence(derElement(0x04, Buffer.from('secret')));
    new DerReader(der).sequence().read(0x04).fill(0);
    expect(der.includes('secret')).toBe(false);
  });
});
