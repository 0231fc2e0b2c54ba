import {
  digestLength,
  digestOf,
  encodeEcdsaDer,
  parseEcdsaRaw,
  toLowS,
  type HashName,
  type KeySpec,
} from '#crypto';
import { AppError } from '#kernel';
import type { SignInput } from '../engine.js';
import { CKG, CKM } from './cryptoki.js';
import type { SignCall } from './token-protocol.js';

/** What goes before a digest in PKCS#1 v1.5 (RFC 8017 §9.2, note 1), and the numbers that PSS takes. */
const HASHES: Readonly<Record<HashName, { digestInfo: Buffer; hashAlg: number; mgf: number }>> =
  Object.freeze({
    sha256: {
      digestInfo: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
      hashAlg: CKM.SHA256,
      mgf: CKG.MGF1_SHA256,
    },
    sha384: {
      digestInfo: Buffer.from('3041300d060960864801650304020205000430', 'hex'),
      hashAlg: CKM.SHA384,
      mgf: CKG.MGF1_SHA384,
    },
    sha512: {
      digestInfo: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
      hashAlg: CKM.SHA512,
      mgf: CKG.MGF1_SHA512,
    },
  });

/** The mechanism that signs what was hashed already. */
export const MECHANISMS = Object.freeze({
  pkcs1: CKM.RSA_PKCS,
  pss: CKM.RSA_PKCS_PSS,
  ecdsa: CKM.ECDSA,
  pure: CKM.EDDSA,
});

/** Messages that the token hashes itself go to it whole, and many may wait. */
const MAX_MESSAGE = 64 * 1024;

/** Bytes of the order: ECDSA takes as many bits of a digest, the leftmost; not every token does that by itself. */
const orderLength = (order: bigint): number => Math.ceil(order.toString(2).length / 8);

/**
 * What the token is asked for: hashing is done here, so that messages stay short and any hash goes with any token. Throws
 * `unsupported_by_engine` for a message that is too long where the token has to hash it (Ed25519).
 */
export function signCallOf(id: string, { order }: KeySpec, input: SignInput): SignCall {
  const { row, type, data, saltLength } = input;
  const mechanism = MECHANISMS[row.scheme];
  if (!row.hash) {
    if (data.length <= MAX_MESSAGE) return { id, mechanism, data: data.toString('base64') };
    throw new AppError('unsupported_by_engine', {
      detail: `this token takes messages of at most ${MAX_MESSAGE} bytes for ${row.name}`,
    });
  }
  const digest = type === 'digest' ? data : digestOf(row.hash, data);
  const { digestInfo, hashAlg, mgf } = HASHES[row.hash];
  if (row.scheme === 'pkcs1') {
    return { id, mechanism, data: Buffer.concat([digestInfo, digest]).toString('base64') };
  }
  if (row.scheme === 'pss') {
    const pss = [hashAlg, mgf, saltLength ?? digestLength(row.hash)] as const;
    return { id, mechanism, pss, data: digest.toString('base64') };
  }
  const left = order === undefined ? digest : digest.subarray(0, orderLength(order));
  return { id, mechanism, data: left.toString('base64') };
}

/** A signature as engines return it: r ‖ s of a token becomes DER. Throws `unavailable` for what is none. */
export function signatureOf(made: string, { order }: KeySpec, { row }: SignInput): Buffer {
  const signature = Buffer.from(made, 'base64');
  if (order === undefined) return signature;
  const parsed = parseEcdsaRaw(signature, order);
  if (parsed) return encodeEcdsaDer(row.lowS ? toLowS(parsed, order) : parsed);
  throw new AppError('unavailable', {
    detail: 'The engine made a signature that is none.',
    cause: new Error('a token answered no r and s'),
    retryAfterS: 1,
  });
}
