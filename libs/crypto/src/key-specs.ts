import { AppError } from '#kernel';

/** Up to so many bytes a message is hashed where it is asked for; hashing more takes longer than a trip to the pool. */
export const INLINE_BYTES = 64 * 1024;

/** Key algorithms as the API names them. */
export type KeyAlgorithm = 'RSA' | 'ECDSA' | 'ECDSA_SECP256K1' | 'Ed25519' | 'ML_DSA';

/** One kind of key: a row of the table, never a branch. */
export interface KeySpec {
  readonly algorithm: KeyAlgorithm;
  /** Bits for RSA and elliptic curves, the parameter set for ML-DSA. */
  readonly size: number;
  /** What `node:crypto` calls the type of such a key (`KeyObject.asymmetricKeyType`). */
  readonly keyType: 'rsa' | 'ec' | 'ed25519' | 'ml-dsa-44' | 'ml-dsa-65' | 'ml-dsa-87';
  /** OpenSSL's name of the curve. */
  readonly namedCurve?: string;
  /** Order of the curve's group, for strict signature checks. */
  readonly order?: bigint;
  /** One operation takes less than a trip to the thread pool (about 30 µs), so it is done where it is asked for. */
  readonly inline?: true;
}

const ec = (size: number, namedCurve: string, order: bigint, more: Partial<KeySpec> = {}): KeySpec =>
  Object.freeze({ algorithm: 'ECDSA', size, keyType: 'ec', namedCurve, order, ...more });

const rsa = (size: number): KeySpec => Object.freeze({ algorithm: 'RSA', size, keyType: 'rsa' });

const mlDsa = (size: 44 | 65 | 87): KeySpec =>
  Object.freeze({ algorithm: 'ML_DSA', size, keyType: `ml-dsa-${size}` });

/** Every kind of key that can be created. Orders: FIPS 186-5 / SP 800-186, SEC 2. */
export const KEY_SPECS: readonly KeySpec[] = Object.freeze([
  rsa(2048),
  rsa(3072),
  rsa(4096),
  ec(224, 'secp224r1', 0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3dn),
  ec(256, 'prime256v1', 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, {
    inline: true,
  }),
  ec(
    384,
    'secp384r1',
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ),
  ec(
    521,
    'secp521r1',
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  ),
  ec(256, 'secp256k1', 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n, {
    algorithm: 'ECDSA_SECP256K1',
  }),
  Object.freeze({ algorithm: 'Ed25519', size: 256, keyType: 'ed25519', inline: true } as const),
  mlDsa(44),
  mlDsa(65),
  mlDsa(87),
]);

export const KEY_ALGORITHMS: readonly KeyAlgorithm[] = Object.freeze([
  ...new Set(KEY_SPECS.map((spec) => spec.algorithm)),
]);

/** The row for an algorithm and size. Ed25519 has one size, so its `size` may be absent. */
export const findKeySpec = (algorithm: string, size: number | undefined): KeySpec | undefined =>
  KEY_SPECS.find(
    (spec) =>
      spec.algorithm === algorithm && (spec.size === size || (size === undefined && algorithm === 'Ed25519')),
  );

/** Modulus lengths of RSA keys that are taken for verification only, in bits. */
export const VERIFY_ONLY_RSA = Object.freeze({ min: 2048, max: 8192 });

/**
 * What a key of this algorithm and size is: a row of `KEY_SPECS`, or RSA of any size that verify-only keys
 * may have, which nobody can create here. Throws `AppError` `internal` for anything else: it is asked about
 * keys that were taken already.
 */
export function getPublicKeySpec(algorithm: string, size: number): KeySpec {
  const spec = findKeySpec(algorithm, size);
  if (spec) return spec;
  if (algorithm === 'RSA' && size >= VERIFY_ONLY_RSA.min && size <= VERIFY_ONLY_RSA.max) return rsa(size);
  throw new AppError('internal', { cause: new Error(`no key is ${algorithm} ${size}`) });
}
