import { generateKeyPair } from 'node:crypto';
import { ConcurrencyLimit, type KeySpec } from '#crypto';
import { SecretBytes } from '#kernel';

/** RSA takes seconds of a pool thread; signing must find others free. */
const GENERATIONS = new ConcurrencyLimit(2, 64);

export interface GeneratedKey {
  /** PrivateKeyInfo, DER; the caller wipes it. */
  readonly pkcs8: SecretBytes;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** Makes a key pair on the thread pool. Throws `AppError` `unavailable` when too many wait. */
export const generateKey = (spec: KeySpec): Promise<GeneratedKey> =>
  GENERATIONS.run(
    () =>
      new Promise((resolve, reject) => {
        const options = {
          modulusLength: spec.size,
          publicExponent: 0x10001,
          namedCurve: spec.namedCurve ?? '',
          privateKeyEncoding: { type: 'pkcs8', format: 'der' },
          publicKeyEncoding: { type: 'spki', format: 'der' },
        } as const;
        // The types know each kind of key by itself only; one call serves every row of the table.
        generateKeyPair(spec.keyType as 'ec', options, (error, spki, pkcs8) => {
          if (error) reject(error);
          else resolve({ spki, pkcs8: SecretBytes.take(pkcs8) });
        });
      }),
  );
