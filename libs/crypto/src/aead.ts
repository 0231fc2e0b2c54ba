import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretBytes } from '#kernel';

const NONCE = 12;
const TAG = 16;

/** Bytes that `encryptAead` adds to its plaintext. */
export const AEAD_OVERHEAD = NONCE + TAG;

/**
 * AES-256-GCM (SP 800-38D) as nonce ‖ ciphertext ‖ tag. The nonce is random: one key takes at most 2³²
 * messages. `aad` is authenticated and not contained.
 */
export function encryptAead(key: SecretBytes, aad: Buffer, plaintext: Buffer): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key.expose('AES-256-GCM key'), nonce, { authTagLength: TAG });
  cipher.setAAD(aad);
  const body = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([nonce, body, cipher.getAuthTag()]);
}

/** The plaintext, or `undefined` when key, `aad` or any bit is another. The caller wipes a secret plaintext. */
export function decryptAead(key: SecretBytes, aad: Buffer, sealed: Buffer): Buffer | undefined {
  if (sealed.length < AEAD_OVERHEAD) return undefined;
  const nonce = sealed.subarray(0, NONCE);
  const decipher = createDecipheriv('aes-256-gcm', key.expose('AES-256-GCM key'), nonce, {
    authTagLength: TAG,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  const plaintext = decipher.update(sealed.subarray(NONCE, sealed.length - TAG));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}
