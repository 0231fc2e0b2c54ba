import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { SecretBytes } from '#kernel';

/** SubjectPublicKeyInfo, DER, of the public half of PrivateKeyInfo, DER. Throws `Error` for what is none. */
export const publicHalfOf = (pkcs8: SecretBytes): Buffer =>
  createPublicKey(
    createPrivateKey({ key: pkcs8.expose('find the public half'), format: 'der', type: 'pkcs8' }),
  ).export({ type: 'spki', format: 'der' });
