import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { SecretBytes, type AppError } from '#kernel';
import { invalidKey } from './invalid-key.js';

/** The hash of RSA-OAEP and of its MGF1; some tokens know SHA-1 only. */
export type OaepHash = 'sha1' | 'sha256';

const KWP = 'id-aes256-wrap-pad';
/** AIV of RFC 5649 §3; the length that completes it is OpenSSL's to add. */
const KWP_IV = Buffer.from('a65959a6', 'hex');
const AES_KEY = 32;
/** The longest private key that is taken, several times over. */
const MAX_PKCS8 = 16 * 1024;

const oaep = <K>(key: K, oaepHash: OaepHash) => ({
  key,
  oaepHash,
  padding: constants.RSA_PKCS1_OAEP_PADDING,
});

/** A wrap is whole after the one update, or that throws. */
function kwp(cipher: ReturnType<typeof createCipheriv>, bytes: Buffer): Buffer {
  const out = cipher.update(bytes);
  cipher.final();
  return out;
}

/**
 * A private key as devices and clouds take it in (CKM_RSA_AES_KEY_WRAP, RSA_AES_KEY_WRAP_SHA_*): an AES-256 key under
 * RSA-OAEP (RFC 8017 §7.1, no label), and behind it PrivateKeyInfo under that key by AES-KWP (RFC 5649). `wrappingSpki`
 * is SubjectPublicKeyInfo, DER, of an RSA key; `pkcs8` stays the caller's to wipe. Throws `Error` for another key.
 */
export function wrapPrivateKey(wrappingSpki: Buffer, hash: OaepHash, pkcs8: SecretBytes): Buffer {
  const rsa = createPublicKey({ key: wrappingSpki, format: 'der', type: 'spki' });
  const aes = randomBytes(AES_KEY);
  try {
    const wrapped = kwp(createCipheriv(KWP, aes, KWP_IV), pkcs8.expose('wrap a private key for its engine'));
    return Buffer.concat([publicEncrypt(oaep(rsa, hash), aes), wrapped]);
  } finally {
    aes.fill(0);
  }
}

/** The AES key, or a random one where there is none to be had: then it is KWP that fails, as for any other fault. */
function openAesKey(privateKey: ReturnType<typeof createPrivateKey>, hash: OaepHash, bytes: Buffer): Buffer {
  const stranger = randomBytes(AES_KEY);
  try {
    const aes = privateDecrypt(oaep(privateKey, hash), bytes);
    if (aes.length === AES_KEY) return aes;
    aes.fill(0);
  } catch {
    // Whoever can tell this from the next failure can decrypt what is not his (RFC 8017 §7.1.2).
  }
  return stranger;
}

/** The one error of every failure to open a wrapped private key, wherever it is opened. */
export const unopenedKey = (): AppError =>
  invalidKey('the wrapped key does not open under the wrapping key it is for');

/**
 * The two parts of what `wrapPrivateKey` made for an RSA key of so many bytes: the AES key under it, and the private key
 * under that. Throws `unopenedKey` for what has no such parts.
 */
export function splitWrappedKey(wrapped: Buffer, rsaBytes: number): { aes: Buffer; body: Buffer } {
  const body = wrapped.subarray(rsaBytes);
  if (body.length < 16 || body.length > MAX_PKCS8 || body.length % 8 !== 0) throw unopenedKey();
  return { aes: wrapped.subarray(0, rsaBytes), body };
}

/**
 * Opens what `wrapPrivateKey` made. `wrappingKey` is PrivateKeyInfo, DER, of the RSA key, and stays the caller's.
 * What comes out was not looked at: it is for `parsePrivateKey`. Throws `unopenedKey`.
 */
export function unwrapPrivateKey(wrappingKey: SecretBytes, hash: OaepHash, wrapped: Buffer): SecretBytes {
  const rsa = createPrivateKey({
    key: wrappingKey.expose('unwrap a private key'),
    format: 'der',
    type: 'pkcs8',
  });
  const parts = splitWrappedKey(wrapped, (rsa.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  const aes = openAesKey(rsa, hash, parts.aes);
  try {
    return SecretBytes.take(kwp(createDecipheriv(KWP, aes, KWP_IV), parts.body));
  } catch {
    throw unopenedKey();
  } finally {
    aes.fill(0);
  }
}
