import { invalidKey } from './invalid-key.js';

/** Keys are a few kilobytes; what is larger is none. */
const MAX_BYTES = 64 * 1024;

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*)-----END ([A-Z0-9 ]{1,64})-----/g;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What OpenSSL writes in front of a private key and nobody needs: the curve stands in the key as well. */
const IGNORED_LABEL = 'EC PARAMETERS';

/** DER bytes, and the label of the PEM block they came in, if they did. */
export interface EncodedKey {
  readonly der: Buffer;
  readonly label?: string;
}

function decodeBlock(label: string, body: string): Buffer {
  const base64 = body.replace(/[\r\n\t ]/g, '');
  if (base64 === '' || !BASE64.test(base64)) throw invalidKey(`the PEM block ${label} is not base64`);
  return Buffer.from(base64, 'base64');
}

/**
 * Reads the one PEM block (RFC 7468) in the bytes, or takes them as DER when there is none. Throws `AppError`
 * `invalid_key_material` for several blocks, a broken one, or more bytes than any key has.
 */
export function readKeyEncoding(bytes: Buffer): EncodedKey {
  if (bytes.length === 0) throw invalidKey('the key is empty');
  if (bytes.length > MAX_BYTES) throw invalidKey(`the key is longer than ${MAX_BYTES} bytes`);
  if (!bytes.includes('-----BEGIN ')) return { der: bytes };
  const text = bytes.toString('latin1');
  if (/^(?:Proc-Type|DEK-Info):/m.test(text)) {
    throw invalidKey(
      'traditional PEM encryption (Proc-Type, DEK-Info) is not supported: convert the key with "openssl pkcs8 -topk8"',
    );
  }
  const blocks = [...text.matchAll(BLOCK)].filter(([, label]) => label !== IGNORED_LABEL);
  const begun = text.split('-----BEGIN ').length - 1 - text.split(`-----BEGIN ${IGNORED_LABEL}`).length + 1;
  const [block] = blocks;
  if (blocks.length > 1) throw invalidKey('the PEM text has more than one key');
  if (!block || begun !== 1) throw invalidKey('the PEM text is not one complete block');
  const [, label = '', body = '', end] = block;
  if (label !== end) throw invalidKey('the PEM block ends under another label');
  return { der: decodeBlock(label, body), label };
}
