import { decryptAead, encryptAead } from '#crypto';
import { AppError, type SecretBytes } from '#kernel';
import type { SortMode } from '../filter/sort-key.js';

/** Where a listing continues, and the listing itself, so that a bookmark alone is enough. */
export interface BookmarkState {
  /** Filter expressions in normal form. */
  readonly filters: readonly string[];
  readonly sortBy: string;
  readonly sortMode: SortMode;
  readonly limit: number;
  /** The sort key of the last row shown. */
  readonly after: readonly string[];
}

type Wire = [number, string[], string, SortMode, number, string[]];

const VERSION = 1;

/** Longest bookmark that is read; a longer one does not fit into a request (Node: 16 KiB of headers). */
const MAX_LENGTH = 16_384;

/**
 * An opaque bookmark: base64url (RFC 4648 §5, unpadded) of an AEAD blob, which callers can neither read nor
 * make. `key` is the tenant's bookmark key; `aad` names the tenant and the listing it is good for.
 */
export function encodeBookmark(key: SecretBytes, aad: string, state: BookmarkState): string {
  const { filters, sortBy, sortMode, limit, after } = state;
  const plaintext = JSON.stringify([VERSION, filters, sortBy, sortMode, limit, after]);
  return encryptAead(key, Buffer.from(aad), Buffer.from(plaintext)).toString('base64url');
}

/** Throws `invalid_bookmark` for all but an exact output of `encodeBookmark` with the same key and `aad`. */
export function decodeBookmark(key: SecretBytes, aad: string, bookmark: string): BookmarkState {
  if (bookmark.length > MAX_LENGTH) throw refusal();
  const blob = Buffer.from(bookmark, 'base64url');
  // Node's decoder skips foreign characters and unused bits: without this, many texts were one bookmark.
  if (blob.toString('base64url') !== bookmark) throw refusal();
  const plaintext = decryptAead(key, Buffer.from(aad), blob);
  if (!plaintext) throw refusal();
  const [version, filters, sortBy, sortMode, limit, after] = JSON.parse(plaintext.toString()) as Wire;
  if (version !== VERSION) throw refusal();
  return { filters, sortBy, sortMode, limit, after };
}

const refusal = (): AppError =>
  new AppError('invalid_bookmark', {
    detail: 'The bookmark was changed, or is not of this listing. Start again without it.',
  });
