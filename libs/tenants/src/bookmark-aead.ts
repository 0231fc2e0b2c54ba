import { decryptAead, encryptAead } from '#crypto';
import type { Aead } from '#database';

/** AES-256-GCM for bookmarks; the tenant and the listing are the additional data. */
export const bookmarkAead: Aead = {
  encrypt: (key, aad, plaintext) => encryptAead(key, Buffer.from(aad), plaintext),
  decrypt: (key, aad, blob) => decryptAead(key, Buffer.from(aad), blob),
};
