import { createPublicKey } from 'node:crypto';
import { AppError } from '#kernel';
import { DER_TAG, DerReader } from './der-reader.js';
import { derBitString, derElement, derOid, derSequence } from './der-writer.js';
import { sha256Hex } from './derive.js';
import { isCanonicalPoint, isOnCurve, isSmallOrderPoint } from './ed25519-point.js';
import { KEY_KINDS, RSA_ENCRYPTION, readCurve, type KeyFamily, type KeyKind } from './key-oids.js';
import { VERIFY_ONLY_RSA, getPublicKeySpec, type KeySpec } from './key-specs.js';
import { invalidKey, restrictedRsa } from './invalid-key.js';
import { readKeyEncoding, type EncodedKey } from './pem.js';
import { ecSpki, uncompressedPoint } from './public-key-encoding.js';
import { PRIVATE_RSA_BOUNDS, readRsaPublicNumbers } from './rsa-bounds.js';
import { runtimeKeySpecs } from './runtime-key-specs.js';

export interface ParsedPublicKey {
  /** SubjectPublicKeyInfo, DER, in the one encoding a key is known by here. */
  readonly spki: Buffer;
  /** RSA may have any size a verify-only key may have: see `getPublicKeySpec`. */
  readonly spec: KeySpec;
  /** SHA-256 of `spki`, hex. */
  readonly fingerprint: string;
}

interface SpkiParts {
  readonly oid: string;
  /** What follows the object identifier. */
  readonly parameters: DerReader;
  readonly key: Buffer;
  readonly encoding: Buffer;
}

const RSA_BOUNDS = { minBits: VERIFY_ONLY_RSA.min, maxBits: VERIFY_ONLY_RSA.max, minExponent: 3n };

/** PKCS#1 RSAPublicKey begins with the modulus, SubjectPublicKeyInfo with a sequence. */
function toSpki({ der, label }: EncodedKey): Buffer {
  if (label !== undefined && label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY') {
    throw invalidKey(`a PEM block ${label} is not a public key`);
  }
  const isPkcs1 =
    label === undefined ? new DerReader(der).sequence().peek() === DER_TAG.integer : label !== 'PUBLIC KEY';
  if (!isPkcs1) return der;
  const rsa = derSequence(derOid(RSA_ENCRYPTION), derElement(DER_TAG.null));
  return derSequence(rsa, derBitString(der));
}

function readSpki(encoding: Buffer): SpkiParts {
  const outer = new DerReader(encoding);
  const info = outer.sequence();
  outer.end();
  const parameters = info.sequence();
  const oid = parameters.oid();
  const key = info.bitString();
  info.end();
  return { oid, parameters, key, encoding };
}

type Canonical = Pick<ParsedPublicKey, 'spki' | 'spec'>;

/** As OpenSSL writes what it has read. */
const reencoded = (spki: Buffer): Buffer =>
  createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'der' });

function readRsa({ key, encoding }: SpkiParts): Canonical {
  const outer = new DerReader(key);
  const numbers = outer.sequence();
  outer.end();
  const bits = readRsaPublicNumbers(numbers, RSA_BOUNDS);
  numbers.end();
  return { spki: reencoded(encoding), spec: getPublicKeySpec('RSA', bits) };
}

function readEc({ parameters, key }: SpkiParts): Canonical {
  const curve = readCurve(parameters);
  return { spki: ecSpki(curve, uncompressedPoint(curve.spec, key)), spec: curve.spec };
}

function readEd25519({ parameters, key, encoding }: SpkiParts): Canonical {
  parameters.end();
  if (key.length !== 32) throw invalidKey('an Ed25519 public key has 32 bytes');
  if (isSmallOrderPoint(key)) throw invalidKey('the Ed25519 public key is a point of small order');
  if (!isCanonicalPoint(key)) throw invalidKey('the Ed25519 public key is not canonically encoded');
  if (!isOnCurve(key)) throw invalidKey('the Ed25519 public key is not a point on the curve');
  return { spki: Buffer.from(encoding), spec: getPublicKeySpec('Ed25519', 256) };
}

function readMlDsa({ encoding }: SpkiParts, { name }: KeyKind): Canonical {
  const spec = runtimeKeySpecs().find((row) => row.keyType === name.toLowerCase());
  if (!spec) throw new AppError('unsupported_by_engine', { detail: `${name} needs a newer Node.js runtime` });
  return { spki: reencoded(encoding), spec };
}

/** A key restricted to RSASSA-PSS (RFC 4055) stays so: OpenSSL keeps to the parameters in it. */
const READERS: Readonly<Record<KeyFamily, (parts: SpkiParts, kind: KeyKind) => Canonical>> = {
  rsa: readRsa,
  'rsa-pss': readRsa,
  ec: readEc,
  ed25519: readEd25519,
  'ml-dsa': readMlDsa,
};

function readParts(parts: SpkiParts): Canonical {
  const kind = KEY_KINDS[parts.oid];
  if (kind?.family) return READERS[kind.family](parts, kind);
  throw invalidKey(`public keys of ${kind?.name ?? `algorithm ${parts.oid}`} are not supported`);
}

/**
 * Reads a public key for verification: PEM or DER, SubjectPublicKeyInfo or PKCS#1. Throws `AppError`:
 * `invalid_key_material` with the reason, `unsupported_by_engine` for ML-DSA where the runtime has none.
 */
export function parsePublicKey(bytes: Buffer): ParsedPublicKey {
  const encoded = readKeyEncoding(bytes);
  try {
    const { spki, spec } = readParts(readSpki(toSpki(encoded)));
    return { spki, spec, fingerprint: sha256Hex(spki) };
  } catch (error) {
    throw error instanceof AppError ? error : invalidKey('the public key is not readable PEM or DER', error);
  }
}

/**
 * Reads the public half of a private key that is not seen here, as `parsePublicKey` does, and with the bounds that private
 * keys have. Throws as that.
 */
export function parsePublicHalf(bytes: Buffer): ParsedPublicKey {
  const parsed = parsePublicKey(bytes);
  if (parsed.spec.keyType !== 'rsa') return parsed;
  const { oid, key } = readSpki(parsed.spki);
  if (oid !== RSA_ENCRYPTION) throw restrictedRsa();
  readRsaPublicNumbers(new DerReader(key).sequence(), PRIVATE_RSA_BOUNDS);
  return parsed;
}
