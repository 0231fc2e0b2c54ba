const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$|^[A-Za-z0-9_-]*={0,2}$/;

/** Decodes base64 or base64url (RFC 4648), padded or not; undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!ALPHABET.test(text) || text.replace(/=+$/, '').length % 4 === 1) return undefined;
  if (text.endsWith('=') && text.length % 4 !== 0) return undefined;
  return Buffer.from(text, 'base64');
}
