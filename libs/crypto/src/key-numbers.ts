import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { SecretBytes } from '#kernel';
import { DER_TAG, DerReader } from './der-reader.js';
import { derBitString, derElement, derOid, derSequence, derUnsigned } from './der-writer.js';
import { invalidKey } from './invalid-key.js';
import { CURVE_OIDS, ED25519, RSA_ENCRYPTION, readCurve } from './key-oids.js';
import type { KeySpec } from './key-specs.js';
import { readPkcs8 } from './private-key-encoding.js';
import { ecSpki } from './public-key-encoding.js';
import { parsePublicKey, type ParsedPublicKey } from './public-key-import.js';

const EDWARDS25519 = derOid(ED25519);
/** How devices name the curve that go by PKCS#11 3.0, where a curve may be named by a string. */
const EDWARDS25519_NAME = derElement(0x13, Buffer.from('edwards25519'));

/** The curve's name as devices take it: the encoded object identifier. Undefined for what is no curve. */
export function curveParameters({ keyType, namedCurve }: KeySpec): Buffer | undefined {
  if (keyType === 'ed25519') return EDWARDS25519;
  const oid = Object.keys(CURVE_OIDS).find((one) => CURVE_OIDS[one] === namedCurve);
  return namedCurve === undefined || oid === undefined ? undefined : derOid(oid);
}

/** The RSA key of a modulus and an exponent, unsigned big-endian. Throws `AppError` `invalid_key_material`. */
export const rsaPublicKey = (modulus: Buffer, exponent: Buffer): ParsedPublicKey =>
  parsePublicKey(derSequence(derUnsigned(modulus), derUnsigned(exponent)));

/** What is inside an OCTET STRING or a BIT STRING, which devices put around a point or not. */
function unwrapped(bytes: Buffer, length: number): Buffer {
  if (bytes.length === length) return bytes;
  const reader = new DerReader(bytes);
  const point = reader.peek() === DER_TAG.bitString ? reader.bitString() : reader.read(DER_TAG.octetString);
  reader.end();
  return point;
}

/**
 * The key of a point on a curve: `parameters` as in ECParameters, or the curve's name; the point uncompressed, with or
 * without an OCTET STRING or BIT STRING around it. Throws `AppError` `invalid_key_material` for anything else.
 */
export function curvePublicKey(parameters: Buffer, point: Buffer): ParsedPublicKey {
  try {
    if (parameters.equals(EDWARDS25519) || parameters.equals(EDWARDS25519_NAME)) {
      return parsePublicKey(derSequence(derSequence(EDWARDS25519), derBitString(unwrapped(point, 32))));
    }
    const curve = readCurve(new DerReader(parameters));
    return parsePublicKey(ecSpki(curve, unwrapped(point, 1 + 2 * Math.ceil(curve.spec.size / 8))));
  } catch (cause) {
    throw invalidKey('the public point is not one of a curve that is known here', cause);
  }
}

/** A public key as devices take it, piece by piece. */
export type PublicNumbers =
  | { readonly kind: 'rsa'; readonly modulus: Buffer; readonly publicExponent: Buffer }
  /** The uncompressed point, or Ed25519's 32 bytes, in an OCTET STRING. */
  | { readonly kind: 'curve'; readonly point: Buffer };

/** Takes apart the `spki` of a key that `parsePublicKey` or `parsePrivateKey` returned. Throws `DerError` for any other. */
export function publicNumbers(spki: Buffer): PublicNumbers {
  const info = new DerReader(spki).sequence();
  const oid = info.sequence().oid();
  const key = info.bitString();
  if (oid !== RSA_ENCRYPTION) return { kind: 'curve', point: derElement(DER_TAG.octetString, key) };
  const numbers = new DerReader(key).sequence();
  return { kind: 'rsa', modulus: numbers.unsigned(), publicExponent: numbers.unsigned() };
}

/** A key as devices take it, piece by piece. What is secret are views into the private key, for its owner to wipe. */
export type KeyNumbers = { readonly spki: Buffer } & (
  | (Extract<PublicNumbers, { kind: 'rsa' }> & {
      readonly privateExponent: Buffer;
      /** Two primes, their exponents, the coefficient (RFC 8017 §3.2). */
      readonly crt: readonly [Buffer, Buffer, Buffer, Buffer, Buffer];
    })
  | (Extract<PublicNumbers, { kind: 'curve' }> & {
      /** The scalar, or Ed25519's seed. */
      readonly secret: Buffer;
    })
);

/** Takes apart a private key that `parsePrivateKey` returned. Throws `DerError` for any other. */
export function keyNumbers(pkcs8: SecretBytes): KeyNumbers {
  const der = pkcs8.expose('take a private key apart');
  const { oid, key } = readPkcs8(der);
  const spki = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({
    type: 'spki',
    format: 'der',
  });
  const half = publicNumbers(spki);
  if (half.kind === 'curve' && oid === ED25519) {
    return { spki, ...half, secret: new DerReader(key).read(DER_TAG.octetString) };
  }
  const fields = new DerReader(key).sequence();
  fields.unsigned();
  const next = (): Buffer => fields.unsigned();
  if (half.kind === 'curve') return { spki, ...half, secret: fields.read(DER_TAG.octetString) };
  const [, , privateExponent] = [next(), next(), next()];
  return { spki, ...half, privateExponent, crt: [next(), next(), next(), next(), next()] };
}
