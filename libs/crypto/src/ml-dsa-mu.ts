import { createHash } from 'node:crypto';
import { DerReader } from './der-reader.js';

const shake256 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('shake256', { outputLength: 64 });
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** No pre-hash, and a context of no bytes: what `ML_DSA_*` means here. */
const PURE_WITHOUT_CONTEXT = Buffer.of(0, 0);

/**
 * The representative μ of a message (FIPS 204, algorithm 7, line 6, with M′ of algorithm 2), 64 bytes: what a device
 * signs that is not to see a long message. `spki` is an ML-DSA key's, DER. Throws `DerError` for other bytes.
 */
export function mlDsaMu(spki: Buffer, message: Buffer): Buffer {
  const info = new DerReader(spki).sequence();
  info.sequence();
  return shake256(shake256(info.bitString()), PURE_WITHOUT_CONTEXT, message);
}
