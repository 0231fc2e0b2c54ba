import { DER_TAG, DerError, DerReader } from './der-reader.js';
import { derElement, derOid, derSequence } from './der-writer.js';
import { EC_PUBLIC_KEY, RSA_ENCRYPTION } from './key-oids.js';
import { invalidKey } from './invalid-key.js';
import type { EncodedKey } from './pem.js';

/** PrivateKeyInfo (RFC 5958), read strictly; views into the bytes given. */
export interface PrivateKeyInfo {
  readonly oid: string;
  /** What follows the object identifier. */
  readonly parameters: DerReader;
  /** The algorithm's own encoding of the private key. */
  readonly key: Buffer;
  /** The public key, where the encoder added it (version 2). */
  readonly publicKey?: Buffer;
  readonly encoding: Buffer;
}

export type PrivateKeyForm = 'pkcs8' | 'pkcs1' | 'sec1' | 'encrypted';

const FORM_BY_LABEL = new Map<string, PrivateKeyForm>([
  ['PRIVATE KEY', 'pkcs8'],
  ['RSA PRIVATE KEY', 'pkcs1'],
  ['EC PRIVATE KEY', 'sec1'],
  ['ENCRYPTED PRIVATE KEY', 'encrypted'],
]);

/** Which of the four forms it is: by its label, else by its first two elements. Throws also for trailing bytes. */
export function privateKeyForm({ der, label }: EncodedKey): PrivateKeyForm {
  const outer = new DerReader(der);
  const body = outer.sequence();
  outer.end();
  if (label !== undefined) {
    const form = FORM_BY_LABEL.get(label);
    if (form) return form;
    throw invalidKey(`a PEM block ${label} is not a private key that is taken`);
  }
  if (body.peek() === DER_TAG.sequence) return 'encrypted';
  body.unsigned();
  const second = body.peek();
  if (second === DER_TAG.sequence) return 'pkcs8';
  return second === DER_TAG.integer ? 'pkcs1' : 'sec1';
}

const version = (number: number): Buffer => derElement(DER_TAG.integer, Buffer.of(number));

/** PrivateKeyInfo of a key. The caller wipes it. */
export const pkcs8Of = (algorithm: Buffer, key: Buffer): Buffer =>
  derSequence(version(0), algorithm, derElement(DER_TAG.octetString, key));

/** ECPrivateKey (RFC 5915) with its public point, as PrivateKeyInfo. The caller wipes it. */
export function ecPkcs8(curveParameters: Buffer, scalar: Buffer, point: Buffer): Buffer {
  const inner = derSequence(
    version(1),
    derElement(DER_TAG.octetString, scalar),
    derElement(DER_TAG.explicit(1), derElement(DER_TAG.bitString, Buffer.of(0), point)),
  );
  try {
    return pkcs8Of(derSequence(derOid(EC_PUBLIC_KEY), curveParameters), inner);
  } finally {
    inner.fill(0);
  }
}

/** SEC 1 carries its curve inside; without it nobody knows what the scalar belongs to. */
function sec1Curve(der: Buffer): Buffer {
  const body = new DerReader(der).sequence();
  body.unsigned();
  body.read(DER_TAG.octetString);
  const parameters = body.readOptional(DER_TAG.explicit(0));
  if (!parameters) throw invalidKey('the EC private key does not name its curve');
  return parameters;
}

/** The same key as PrivateKeyInfo, in bytes of its own that the caller wipes. */
export function toPkcs8(der: Buffer, form: Exclude<PrivateKeyForm, 'encrypted'>): Buffer {
  if (form === 'pkcs8') return Buffer.from(der);
  if (form === 'pkcs1') return pkcs8Of(derSequence(derOid(RSA_ENCRYPTION), derElement(DER_TAG.null)), der);
  return pkcs8Of(derSequence(derOid(EC_PUBLIC_KEY), sec1Curve(der)), der);
}

/** Reads PrivateKeyInfo of version 1 or 2. Throws `DerError` where the bytes are otherwise. */
export function readPkcs8(encoding: Buffer): PrivateKeyInfo {
  const outer = new DerReader(encoding);
  const info = outer.sequence();
  outer.end();
  if (info.smallUnsigned() > 1) throw new DerError('unknown version');
  const parameters = info.sequence();
  const oid = parameters.oid();
  const key = info.read(DER_TAG.octetString);
  info.readOptional(DER_TAG.explicit(0));
  const publicKey = info.readOptional(DER_TAG.implicit(1))?.subarray(1);
  info.end();
  return { oid, parameters, key, encoding, ...(publicKey && { publicKey }) };
}
