import { ECDH } from 'node:crypto';
import { derBitString, derOid, derSequence } from './der-writer.js';
import { EC_PUBLIC_KEY, type Curve } from './key-oids.js';
import type { KeySpec } from './key-specs.js';
import { invalidKey } from './invalid-key.js';

const FORMS: ReadonlySet<number> = new Set([0x02, 0x03, 0x04]);

/** The uncompressed form of a point on the curve. Throws `AppError` `invalid_key_material` for any other bytes. */
export function uncompressedPoint(spec: KeySpec, point: Buffer): Buffer {
  try {
    if (!FORMS.has(point[0] ?? 0)) throw new Error('not a compressed or uncompressed point');
    return ECDH.convertKey(point, spec.namedCurve ?? '', undefined, undefined, 'uncompressed') as Buffer;
  } catch (cause) {
    throw invalidKey(`the public point is not on the curve ${spec.namedCurve}`, cause);
  }
}

/** SubjectPublicKeyInfo (RFC 5480) with a named curve and an uncompressed point: the one encoding a key is known by here. */
export const ecSpki = (curve: Curve, point: Buffer): Buffer =>
  derSequence(derSequence(derOid(EC_PUBLIC_KEY), curve.parameters), derBitString(point));
