import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto';
import { AppError } from '#kernel';
import { DER_TAG, DerReader } from './der-reader.js';
import { derOid, derSequence } from './der-writer.js';
import { ED25519, KEY_KINDS, readCurve, type KeyFamily, type KeyKind } from './key-oids.js';
import { KEY_SPECS, findKeySpec, getPublicKeySpec, type KeySpec } from './key-specs.js';
import { NativeKey } from './native-key.js';
import { invalidKey, restrictedRsa } from './invalid-key.js';
import { ecPkcs8, pkcs8Of, type PrivateKeyInfo } from './private-key-encoding.js';
import { ecSpki, uncompressedPoint } from './public-key-encoding.js';
import { PRIVATE_RSA_BOUNDS, bitLength, readRsaPublicNumbers } from './rsa-bounds.js';
import { runtimeKeySpecs } from './runtime-key-specs.js';

/** A private key in the one encoding a key is kept in here. The caller wipes `pkcs8`. */
export interface CanonicalPrivateKey {
  readonly pkcs8: Buffer;
  readonly spki: Buffer;
  readonly spec: KeySpec;
}

const SPKI_DER = { type: 'spki', format: 'der' } as const;
const MISMATCH = 'the private key does not belong to the public key beside it';

/** As OpenSSL writes what it has read. */
function reencoded(pkcs8: Buffer, spec: KeySpec): CanonicalPrivateKey {
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  return {
    pkcs8: key.export({ type: 'pkcs8', format: 'der' }),
    spki: createPublicKey(key).export(SPKI_DER),
    spec,
  };
}

/** Bounds what OpenSSL's check of the primes will calculate with. Returns the bits of the modulus. */
function boundRsa(key: Buffer): number {
  const outer = new DerReader(key);
  const numbers = outer.sequence();
  outer.end();
  if (numbers.smallUnsigned() !== 0) throw invalidKey('RSA keys of more than two primes are not supported');
  const bits = readRsaPublicNumbers(numbers, PRIVATE_RSA_BOUNDS);
  const [d = 0, ...halves] = Array.from({ length: 6 }, () => bitLength(numbers.unsigned()));
  numbers.end();
  if (d > bits || halves.some((half) => half > bits / 2 + 64)) {
    throw invalidKey('the RSA primes are of very different size, or a component is longer than it may be');
  }
  return bits;
}

async function isConsistent(pkcs8: Buffer): Promise<boolean> {
  const native = NativeKey.fromPkcs8(pkcs8);
  try {
    return await native.check();
  } finally {
    native.dispose();
  }
}

async function readRsa({ key, encoding }: PrivateKeyInfo): Promise<CanonicalPrivateKey> {
  const bits = boundRsa(key);
  const spec = findKeySpec('RSA', bits);
  if (!spec) {
    const sizes = KEY_SPECS.filter((row) => row.algorithm === 'RSA').map((row) => row.size);
    throw new AppError('unsupported_by_engine', {
      detail: `no engine holds RSA keys of ${bits} bits, only of ${sizes.join(', ')}`,
    });
  }
  if (!(await isConsistent(encoding))) {
    throw invalidKey(
      'the RSA key is inconsistent: its modulus, exponents, primes and coefficient do not fit each other',
    );
  }
  return reencoded(encoding, spec);
}

/** The public point that OpenSSL computes from the scalar, which must be in range. */
function publicPointOf(spec: KeySpec, scalar: Buffer): Buffer {
  try {
    const ecdh = createECDH(spec.namedCurve ?? '');
    ecdh.setPrivateKey(scalar);
    return ecdh.getPublicKey();
  } catch (cause) {
    throw invalidKey('the EC private scalar is not between 1 and the order of the curve', cause);
  }
}

async function readEc({ parameters, key, publicKey }: PrivateKeyInfo): Promise<CanonicalPrivateKey> {
  const curve = readCurve(parameters);
  const outer = new DerReader(key);
  const body = outer.sequence();
  outer.end();
  body.unsigned();
  const scalar = body.read(DER_TAG.octetString);
  const inner = body.readOptional(DER_TAG.explicit(0));
  if (inner && !inner.equals(curve.parameters)) throw invalidKey('the EC private key names two curves');
  const point = publicPointOf(curve.spec, scalar);
  const stated = body.readOptional(DER_TAG.explicit(1));
  body.end();
  for (const beside of [stated && new DerReader(stated).bitString(), publicKey]) {
    if (beside && !uncompressedPoint(curve.spec, beside).equals(point)) throw invalidKey(MISMATCH);
  }
  const padded = Buffer.alloc(curve.scalarLength);
  scalar.subarray(-padded.length).copy(padded, Math.max(0, padded.length - scalar.length));
  const pkcs8 = ecPkcs8(curve.parameters, padded, point);
  padded.fill(0);
  return { pkcs8, spki: ecSpki(curve, point), spec: curve.spec };
}

async function readEd25519({ parameters, key, publicKey }: PrivateKeyInfo): Promise<CanonicalPrivateKey> {
  parameters.end();
  const seed = new DerReader(key);
  const length = seed.read(DER_TAG.octetString).length;
  seed.end();
  if (length !== 32) throw invalidKey('an Ed25519 private key has 32 bytes');
  // Rebuilt, because OpenSSL before 3.5 does not read version 2 with its public key.
  const pkcs8 = pkcs8Of(derSequence(derOid(ED25519)), key);
  const spki = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })).export(
    SPKI_DER,
  );
  if (!publicKey || spki.subarray(-32).equals(publicKey)) {
    return { pkcs8, spki, spec: getPublicKeySpec('Ed25519', 256) };
  }
  pkcs8.fill(0);
  throw invalidKey(MISMATCH);
}

async function readMlDsa({ encoding }: PrivateKeyInfo, { name }: KeyKind): Promise<CanonicalPrivateKey> {
  const spec = runtimeKeySpecs().find((row) => row.keyType === name.toLowerCase());
  if (!spec) throw new AppError('unsupported_by_engine', { detail: `${name} needs a newer Node.js runtime` });
  return reencoded(encoding, spec);
}

async function readRestrictedRsa(): Promise<never> {
  throw restrictedRsa();
}

const READERS: Readonly<
  Record<KeyFamily, (info: PrivateKeyInfo, kind: KeyKind) => Promise<CanonicalPrivateKey>>
> = {
  rsa: readRsa,
  'rsa-pss': readRestrictedRsa,
  ec: readEc,
  ed25519: readEd25519,
  'ml-dsa': readMlDsa,
};

/**
 * Checks a private key of whatever kind and brings it into the one encoding. Throws `AppError`
 * `invalid_key_material` with the reason, `unsupported_by_engine` where no engine here holds such a key, and
 * errors of OpenSSL and of DER where the bytes are none.
 */
export async function canonicalPrivateKey(info: PrivateKeyInfo): Promise<CanonicalPrivateKey> {
  const kind = KEY_KINDS[info.oid];
  if (kind?.family) return READERS[kind.family](info, kind);
  throw invalidKey(`private keys of ${kind?.name ?? `algorithm ${info.oid}`} are not supported`);
}
