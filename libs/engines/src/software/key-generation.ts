import { generateKeyPair } from 'node:crypto';
import { ConcurrencyLimit, type KeySpec } from '#crypto';
import { SecretBytes } from '#kernel';

/** RSA takes seconds of a pool thread; signing must find others free. Tenants take turns. */
const RSA_GENERATIONS = new ConcurrencyLimit(2, 256);

export interface GeneratedKey {
  /** PrivateKeyInfo, DER; the caller wipes it. */
  readonly pkcs8: SecretBytes;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

const generate = (spec: KeySpec): Promise<GeneratedKey> =>
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
  });

/**
 * Makes a key pair on the thread pool. Only RSA waits for its turn: the others take a millisecond or less. Throws
 * `AppError` `rate_limited` when too many of the tenant's wait.
 */
export const generateKey = (tenantId: string, spec: KeySpec): Promise<GeneratedKey> =>
  spec.keyType === 'rsa' ? RSA_GENERATIONS.run(tenantId, () => generate(spec)) : generate(spec);
