import { constants, sign, type KeyObject, type SignKeyObjectInput } from 'node:crypto';
import { digestLength, digestSettings, type KeySpec } from '#crypto';
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

/** Hashes and signs: at once where that is faster than a trip to the pool, else on the pool. */
export function signMessage(
  { keyObject }: LoadedKey,
  spec: KeySpec,
  input: SignInput,
): Buffer | Promise<Buffer> {
  const hash = input.row.hash ?? null;
  const key = nodeKey(keyObject, input);
  if (spec.inline) return sign(hash, input.data, key);
  return new Promise((resolve, reject) => {
    sign(hash, input.data, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

/**
 * Signs a digest without hashing it again, which `node:crypto` has no function for. Throws `AppError`
 * `unsupported_by_engine` where OpenSSL cannot be called.
 */
export function signDigest(loaded: LoadedKey, spec: KeySpec, input: SignInput): Promise<Buffer> {
  const { row, data } = input;
  return loaded.withNative((native) =>
    spec.inline ? native.signInline(data) : native.sign(data, digestSettings(row, saltOf(input))),
  );
}
