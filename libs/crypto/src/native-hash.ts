import { nativeOpenSsl, type OpenSsl, type Pointer } from './native-openssl.js';
import { digestLength, type HashName } from './signature-table.js';

/*
 * OpenSSL's own functions, for what a signature does three times: `node:crypto` makes an object for each HMAC, which the
 * garbage collector has to free, and looks the method up by its name each time. A third of its time.
 */

const methods = new Map<HashName, Pointer>();
let hmac: Pointer = null;
/** Where a MAC is written to. */
const mac = Buffer.alloc(32);

function methodOf(openSsl: OpenSsl, name: HashName): Pointer {
  const known = methods.get(name);
  if (known !== undefined) return known;
  const method = openSsl.EVP_MD_fetch(null, name, null);
  if (method === null) throw new Error(`OpenSSL does not know ${name}`);
  methods.set(name, method);
  return method;
}

/** The digest of a message (FIPS 180-4). Throws `AppError` `unsupported_by_engine` where OpenSSL cannot be called. */
export function nativeDigest(name: HashName, message: Buffer): Buffer {
  const openSsl = nativeOpenSsl();
  const digest = Buffer.allocUnsafeSlow(digestLength(name));
  const done = openSsl.EVP_Digest(message, message.length, digest, null, methodOf(openSsl, name), null);
  if (done !== 1) throw new Error('OpenSSL refused to hash');
  return digest;
}

/** HMAC-SHA-256 (RFC 2104) in lower-case hex. Throws as `nativeDigest`. */
export function nativeHmacSha256Hex(key: Buffer, data: Buffer): string {
  const openSsl = nativeOpenSsl();
  hmac ??= openSsl.HMAC_CTX_new();
  // The context is everybody's: it begins anew with each key.
  const done =
    openSsl.HMAC_Init_ex(hmac, key, key.length, methodOf(openSsl, 'sha256'), null) === 1 &&
    openSsl.HMAC_Update(hmac, data, data.length) === 1 &&
    openSsl.HMAC_Final(hmac, mac, null) === 1;
  if (!done) throw new Error('OpenSSL refused to authenticate');
  return mac.toString('hex');
}
