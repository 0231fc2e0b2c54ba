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
  if (method === null) throw refusal(openSsl);
  methods.set(name, method);
  return method;
}

/** What a refusal leaves in this thread's error queue must not be found by TLS. */
function refusal(openSsl: OpenSsl): Error {
  openSsl.ERR_clear_error();
  return new Error('OpenSSL refused to hash');
}

/** The digest of a message (FIPS 180-4). Throws `AppError` `unsupported_by_engine` where OpenSSL cannot be called. */
export function nativeDigest(name: HashName, message: Buffer): Buffer {
  const openSsl = nativeOpenSsl();
  const digest = Buffer.allocUnsafeSlow(digestLength(name));
  const done = openSsl.EVP_Digest(message, message.length, digest, null, methodOf(openSsl, name), null);
  if (done !== 1) throw refusal(openSsl);
  return digest;
}

/** HMAC-SHA-256 (RFC 2104) in lower-case hex. Throws as `nativeDigest`, and `TypeError` for an empty key. */
export function nativeHmacSha256Hex(key: Buffer, data: Buffer): string {
  // OpenSSL takes it for the key before, which may be another tenant's.
  if (key.length === 0) throw new TypeError('the key is empty');
  const openSsl = nativeOpenSsl();
  hmac ??= openSsl.HMAC_CTX_new();
  // The context is everybody's: it begins anew with each key.
  const done =
    hmac !== null &&
    openSsl.HMAC_Init_ex(hmac, key, key.length, methodOf(openSsl, 'sha256'), null) === 1 &&
    openSsl.HMAC_Update(hmac, data, data.length) === 1 &&
    openSsl.HMAC_Final(hmac, mac, null) === 1;
  if (!done) throw refusal(openSsl);
  return mac.toString('hex');
}
