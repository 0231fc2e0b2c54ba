import { AppError } from '#kernel';

const TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

/**
 * Holds a request to the version it was made for (RFC 9110 §13.1.1, strong comparison).
 * No header: no condition. Throws `stale_version`, or `malformed_request` when the header is no list of entity tags.
 */
export function requireVersion(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (!tags.every((tag) => TAG.test(tag))) {
    throw new AppError('malformed_request', { detail: 'If-Match must be * or a list of entity tags.' });
  }
  if (!tags.includes(`"${version}"`)) {
    throw new AppError('stale_version', { detail: 'It has changed since that version.' });
  }
}
