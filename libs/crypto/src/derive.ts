import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { SecretBytes } from '#kernel';
import { nativeDigest, nativeHmacSha256Hex } from './native-hash.js';
import { hasNativeOpenSsl } from './native-openssl.js';
import type { HashName } from './signature-table.js';

/** SHA-256 (FIPS 180-4), 32 bytes. Strings are hashed as UTF-8. */
export const sha256 = (data: Buffer | string): Buffer => hash('sha256', data, 'buffer');

/** SHA-256 in lower-case hex. */
export const sha256Hex = (data: Buffer | string): string => hash('sha256', data, 'hex');

/** The digest of a message by the hash of a signature algorithm (FIPS 180-4). */
export const digestOf = (name: HashName, message: Buffer): Buffer =>
  hasNativeOpenSsl() ? nativeDigest(name, message) : hash(name, message, 'buffer');

/** HMAC-SHA-256 (RFC 2104), 32 bytes. */
export const hmacSha256 = (key: SecretBytes, data: Buffer | string): Buffer =>
  createHmac('sha256', key.expose('HMAC key')).update(data).digest();

/** HMAC-SHA-256 in lower-case hex: for hot paths. */
export const hmacSha256Hex = (key: SecretBytes, data: Buffer): string =>
  hasNativeOpenSsl()
    ? nativeHmacSha256Hex(key.expose('HMAC key'), data)
    : createHmac('sha256', key.expose('HMAC key')).update(data).digest('hex');

/** A 32-byte key for one purpose from a uniformly random key (HKDF-SHA-256, RFC 5869, no salt); `info` names the purpose. */
export const deriveKey = (key: SecretBytes, info: string): SecretBytes =>
  SecretBytes.take(Buffer.from(hkdfSync('sha256', key.expose('HKDF input key'), Buffer.alloc(0), info, 32)));

/** Compares without telling by its time where the difference is. Different lengths are unequal. */
export const constantTimeEqual = (a: Buffer, b: Buffer): boolean =>
  a.length === b.length && timingSafeEqual(a, b);
