import { DER_TAG, type DerReader } from './der-reader.js';
import { derOid } from './der-writer.js';
import { KEY_SPECS, type KeySpec } from './key-specs.js';
import { oidTable } from './oid-table.js';
import { invalidKey } from './invalid-key.js';

export type KeyFamily = 'rsa' | 'rsa-pss' | 'ec' | 'ed25519' | 'ml-dsa';

/** What an AlgorithmIdentifier of a key means (RFC 3279, 5480, 8410, 9881). */
export interface KeyKind {
  /** As it is called in a refusal. */
  readonly name: string;
  /** Absent for kinds that are known and not taken. */
  readonly family?: KeyFamily;
}

export const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
export const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
export const ED25519 = '1.3.101.112';

/** Kinds of keys by object identifier. */
export const KEY_KINDS = oidTable<KeyKind>({
  [RSA_ENCRYPTION]: { name: 'RSA', family: 'rsa' },
  '1.2.840.113549.1.1.10': { name: 'RSASSA-PSS', family: 'rsa-pss' },
  [EC_PUBLIC_KEY]: { name: 'EC', family: 'ec' },
  [ED25519]: { name: 'Ed25519', family: 'ed25519' },
  '2.16.840.1.101.3.4.3.17': { name: 'ML-DSA-44', family: 'ml-dsa' },
  '2.16.840.1.101.3.4.3.18': { name: 'ML-DSA-65', family: 'ml-dsa' },
  '2.16.840.1.101.3.4.3.19': { name: 'ML-DSA-87', family: 'ml-dsa' },
  '1.2.840.10040.4.1': { name: 'DSA' },
  '1.2.840.113549.1.3.1': { name: 'Diffie-Hellman' },
  '1.3.101.110': { name: 'X25519' },
  '1.3.101.111': { name: 'X448' },
  '1.3.101.113': { name: 'Ed448' },
});

/** OpenSSL's names of curves by object identifier. */
export const CURVE_OIDS = oidTable({
  '1.3.132.0.33': 'secp224r1',
  '1.2.840.10045.3.1.7': 'prime256v1',
  '1.3.132.0.34': 'secp384r1',
  '1.3.132.0.35': 'secp521r1',
  '1.3.132.0.10': 'secp256k1',
});

/** Names of curves that are known and not taken, for the refusal. */
const OTHER_CURVES = oidTable({
  '1.2.840.10045.3.1.1': 'P-192',
  '1.3.132.0.32': 'secp224k1',
  '1.3.36.3.3.2.8.1.1.7': 'brainpoolP256r1',
  '1.3.36.3.3.2.8.1.1.11': 'brainpoolP384r1',
  '1.3.36.3.3.2.8.1.1.13': 'brainpoolP512r1',
});

export interface Curve {
  readonly spec: KeySpec;
  /** ECParameters (RFC 5480): the encoded object identifier. */
  readonly parameters: Buffer;
  /** Length of a private scalar in bytes. */
  readonly scalarLength: number;
}

/**
 * Reads ECParameters. Throws `AppError` `invalid_key_material` for a curve that is not taken, naming it, and
 * for explicit parameters: a curve of the sender's own making proves nothing.
 */
export function readCurve(parameters: DerReader): Curve {
  if (parameters.peek() !== DER_TAG.oid) {
    throw invalidKey('the curve must be given by its name, not by parameters');
  }
  const oid = parameters.oid();
  parameters.end();
  const spec = KEY_SPECS.find((row) => row.namedCurve !== undefined && row.namedCurve === CURVE_OIDS[oid]);
  if (!spec?.order) throw invalidKey(`the curve ${OTHER_CURVES[oid] ?? oid} is not supported`);
  return { spec, parameters: derOid(oid), scalarLength: Math.ceil(spec.order.toString(2).length / 8) };
}
