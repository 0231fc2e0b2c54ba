import { ECDH, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DerReader } from './der-reader.js';
import { derBitString, derElement, derOid, derSequence, derUnsigned } from './der-writer.js';
import { getPublicKeySpec } from './key-specs.js';
import { parsePublicHalf, parsePublicKey } from './public-key-import.js';
import { fingerprintOf, spkiToJwk, spkiToPem } from './public-key-formats.js';
import { runtimeKeySpecs } from './runtime-key-specs.js';

const refused = (detail: RegExp, code = 'invalid_key_material') =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) });
const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const integer = (value: bigint): Buffer => {
  const hex = value.toString(16);
  return derUnsigned(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
};
const spki = (oid: string, parameters: Buffer, key: Buffer): Buffer =>
  derSequence(derSequence(derOid(oid), parameters), derBitString(key));
const nothing = Buffer.alloc(0);
const rsaSpki = (modulus: bigint, exponent = 65537n): Buffer =>
  spki('1.2.840.113549.1.1.1', derElement(0x05), derSequence(integer(modulus), integer(exponent)));
const ofBits = (bits: number): bigint => (1n << BigInt(bits - 1)) + 1n;
const ed25519Spki = (hex: string): Buffer => spki('1.3.101.112', nothing, Buffer.from(hex, 'hex'));

const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
const ed25519 = generateKeyPairSync('ed25519').publicKey;

describe('forms that are taken', () => {
  it.each<[string, KeyObject, Buffer | string]>([
    ['SPKI PEM', ec, ec.export({ type: 'spki', format: 'pem' })],
    ['SPKI DER', ed25519, spkiOf(ed25519)],
    ['PKCS#1 PEM', rsa, rsa.export({ type: 'pkcs1', format: 'pem' })],
    ['PKCS#1 DER', rsa, rsa.export({ type: 'pkcs1', format: 'der' })],
    ['SPKI of RSA', rsa, spkiOf(rsa)],
  ])('%s', (_, key, encoded) => {
    const parsed = parsePublicKey(Buffer.from(encoded as Buffer));
    expect(parsed.spki).toEqual(spkiOf(key));
    expect(parsed.fingerprint).toBe(fingerprintOf(parsed.spki));
  });

  it.each(
    runtimeKeySpecs()
      .filter((spec) => spec.namedCurve)
      .map((spec) => [spec.namedCurve!, spec] as const),
  )('a point of %s, compressed or not, is one and the same key', (namedCurve, spec) => {
    const key = spkiOf(generateKeyPairSync('ec', { namedCurve }).publicKey);
    const info = new DerReader(key).sequence();
    const algorithm = info.sequence();
    const oid = algorithm.oid();
    const parameters = derOid(algorithm.oid());
    const compressed = ECDH.convertKey(
      info.bitString(),
      namedCurve,
      undefined,
      undefined,
      'compressed',
    ) as Buffer;
    expect(parsePublicKey(spki(oid, parameters, compressed))).toEqual(parsePublicKey(key));
    expect(parsePublicKey(key)).toMatchObject({ spec, spki: key });
  });

  it.each([
    [2048, 3n],
    [2050, 5n],
    [8192, 65537n],
  ])('RSA of %i bits with exponent %i', (bits, exponent) => {
    const { spec } = parsePublicKey(rsaSpki(ofBits(bits), exponent));
    expect(spec).toEqual({ algorithm: 'RSA', size: bits, keyType: 'rsa' });
    expect(getPublicKeySpec('RSA', bits)).toEqual(spec);
  });

  it('RSA restricted to RSASSA-PSS, which stays so', () => {
    const { publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256' });
    const parsed = parsePublicKey(spkiOf(publicKey));
    expect(parsed).toMatchObject({ spki: spkiOf(publicKey), spec: { algorithm: 'RSA', size: 2048 } });
    expect(() => spkiToJwk(parsed.spki)).toThrow(expect.objectContaining({ code: 'not_acceptable' }));
  });
});

describe('keys that are refused', () => {
  const P256 = derOid('1.2.840.10045.3.1.7');
  const EC = '1.2.840.10045.2.1';
  const point = spkiOf(ec).subarray(-65);
  const offCurve = Buffer.concat([point.subarray(0, 64), Buffer.of(point[64]! ^ 1)]);
  it.each<[string, Buffer | string, RegExp]>([
    ['RSA of 2047 bits', rsaSpki(ofBits(2047)), /2047 bits is too short/],
    ['RSA of 8193 bits', rsaSpki(ofBits(8193)), /8193 bits is too long/],
    ['RSA with exponent 1', rsaSpki(ofBits(2048), 1n), /too small: at least 3/],
    ['RSA with an even exponent', rsaSpki(ofBits(2048), 4n), /exponent is even/],
    ['RSA with an exponent of 65 bits', rsaSpki(ofBits(2048), ofBits(65)), /longer than 64 bits/],
    ['RSA with an even modulus', rsaSpki(ofBits(2048) - 1n), /modulus is even/],
    ['a point off the curve', spki(EC, P256, offCurve), /not on the curve prime256v1/],
    ['the point at infinity', spki(EC, P256, Buffer.of(0)), /not on the curve/],
    ['a point of another length', spki(EC, P256, point.subarray(0, 64)), /not on the curve/],
    [
      'a point in hybrid form',
      spki(EC, P256, Buffer.concat([Buffer.of(6 + (point[64]! & 1)), point.subarray(1)])),
      /not on the curve/,
    ],
    ['explicit curve parameters', spki(EC, derSequence(integer(1n)), point), /by its name/],
    ['P-192', spki(EC, derOid('1.2.840.10045.3.1.1'), point), /curve P-192 is not supported/],
    ['X25519', spkiOf(generateKeyPairSync('x25519').publicKey), /X25519 are not supported/],
    ['an algorithm nobody knows', spki('1.2.3', nothing, point), /algorithm 1\.2\.3/],
    ['a name of Object.prototype', spki('2.5', nothing, point), /algorithm 2\.5/],
    ['Ed25519 of 31 bytes', ed25519Spki('11'.repeat(31)), /has 32 bytes/],
    ['Ed25519 off the curve', ed25519Spki(`02${'00'.repeat(31)}`), /not a point on the curve/],
    ['Ed25519 not canonically encoded', ed25519Spki(`f0${'ff'.repeat(30)}7f`), /not canonically/],
    [
      'a private key',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      /PRIVATE KEY is not a public/,
    ],
    [
      'a certificate',
      '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----',
      /CERTIFICATE is not a public/,
    ],
    ['trailing bytes', Buffer.concat([spkiOf(ec), Buffer.of(0)]), /not readable/],
    ['two keys', `${spkiToPem(spkiOf(ec))}${spkiToPem(spkiOf(rsa))}`, /more than one key/],
    ['nothing', '', /is empty/],
    ['garbage', 'garbage', /not readable/],
  ])('%s', (_, encoded, reason) => {
    expect(() => parsePublicKey(Buffer.from(encoded as Buffer))).toThrow(refused(reason));
  });

  const SMALL_ORDER = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ];
  const bothSigns = SMALL_ORDER.flatMap((hex) => {
    const negative = Buffer.from(hex, 'hex');
    negative[31]! |= 0x80;
    return [hex, negative.toString('hex')];
  });
  it.each(bothSigns)('the Ed25519 point of small order %s', (hex) => {
    expect(() => parsePublicKey(ed25519Spki(hex))).toThrow(refused(/small order/));
  });

  it('takes every Ed25519 key that OpenSSL makes', () => {
    for (let i = 0; i < 50; i += 1) {
      const made = spkiOf(generateKeyPairSync('ed25519').publicKey);
      expect(parsePublicKey(made).spki).toEqual(made);
    }
  });
});

describe('the public half of a private key that is not seen', () => {
  it.each([
    ['too short an exponent', rsaSpki(ofBits(2048), 65535n), /too small: at least 65537/],
    ['too long a modulus', rsaSpki(ofBits(4097)), /too long: at most 4096/],
    [
      'RSA restricted to RSASSA-PSS',
      generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({
        type: 'spki',
        format: 'der',
      }),
      /restricted to RSASSA-PSS/,
    ],
  ])('is not %s, which only verifies', (_, bytes, reason) => {
    expect(parsePublicKey(bytes).spec.algorithm).toBe('RSA');
    expect(() => parsePublicHalf(bytes)).toThrow(reason);
  });

  it('is taken at the bounds', () => {
    expect(parsePublicHalf(rsaSpki(ofBits(4096))).spec.size).toBe(4096);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(parsePublicHalf(publicKey.export({ type: 'spki', format: 'der' })).spec.size).toBe(384);
  });
});

describe('formats of a public key', () => {
  it.each(runtimeKeySpecs().map((spec) => [`${spec.algorithm} ${spec.size}`, spec] as const))(
    'PEM and, where one is defined, JWK of %s read back as the same key',
    (_, spec) => {
      const options = { modulusLength: 2048, namedCurve: spec.namedCurve };
      const { publicKey } = generateKeyPairSync(spec.keyType as 'ec', options as { namedCurve: string });
      const encoded = spkiOf(publicKey);
      expect(spkiToPem(encoded)).toBe(publicKey.export({ type: 'spki', format: 'pem' }));
      if (spec.namedCurve === 'secp224r1') {
        expect(() => spkiToJwk(encoded)).toThrow(expect.objectContaining({ code: 'not_acceptable' }));
        return;
      }
      const jwk = spkiToJwk(encoded);
      expect(jwk).not.toHaveProperty('d');
      expect(spkiOf(createPublicKey({ key: jwk, format: 'jwk' }))).toEqual(encoded);
    },
  );
});

it('knows no key of a size that is never taken', () => {
  for (const [algorithm, size] of [
    ['RSA', 1024],
    ['RSA', 8193],
    ['ECDSA', 255],
    ['toString', 1],
  ] as const) {
    expect(() => getPublicKeySpec(algorithm, size)).toThrow(expect.objectContaining({ code: 'internal' }));
  }
});
