import { randomBytes as fill } from 'node:crypto';
import { SecretBytes } from '#kernel';

/** Bytes from the operating system's generator, as OpenSSL seeds it. */
export const randomBytes = (length: number): Buffer => fill(length);

/** A fresh 32-byte key for AES-256, HMAC-SHA-256 or HKDF. */
export const newSecretKey = (): SecretBytes => SecretBytes.take(fill(32));
