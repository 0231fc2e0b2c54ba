import { constants, sign, type KeyObject, type SignKeyObjectInput } from 'node:crypto';
import {
  digestLength,
  digestOf,
  digestSettings,
  hasNativeOpenSsl,
  INLINE_BYTES,
  type KeySpec,
} from '#crypto';
import type { SignInput } from '../engine.js';
import type { LoadedKey } from './loaded-key.js';

const saltOf = ({ row, saltLength }: SignInput): number =>
  saltLength ?? (row.hash ? digestLength(row.hash) : 0);

function nodeKey(key: KeyObject, input: SignInput): SignKeyObjectInput {
  const { scheme } = input.row;
  if (scheme === 'pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING };
  if (scheme === 'pss') return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltOf(input) };
  return { key };
}

/**
 * Hashes and signs: at once where that is faster than a trip to the pool, else on the pool. What has a hash and is short
 * goes the way of digests, which keeps OpenSSL's context: `crypto.sign` makes one each time, for 40 µs.
 */
export function signMessage(loaded: LoadedKey, spec: KeySpec, input: SignInput): Buffer | Promise<Buffer> {
  const { row, data } = input;
  const short = data.length <= INLINE_BYTES;
  if (short && row.hash && hasNativeOpenSsl()) {
    return signHashed(loaded, spec, input, digestOf(row.hash, data));
  }
  const key = nodeKey(loaded.keyObject, input);
  if (short && spec.inline) return sign(row.hash ?? null, data, key);
  return new Promise((resolve, reject) => {
    sign(row.hash ?? null, data, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

/**
 * Signs a digest without hashing it again, which `node:crypto` has no function for. Throws `AppError`
 * `unsupported_by_engine` where OpenSSL cannot be called.
 */
export const signDigest = (loaded: LoadedKey, spec: KeySpec, input: SignInput): Buffer | Promise<Buffer> =>
  signHashed(loaded, spec, input, input.data);

function signHashed(
  loaded: LoadedKey,
  spec: KeySpec,
  input: SignInput,
  digest: Buffer,
): Buffer | Promise<Buffer> {
  return loaded.withNative((native) =>
    spec.inline ? native.signInline(digest) : native.sign(digest, digestSettings(input.row, saltOf(input))),
  );
}
