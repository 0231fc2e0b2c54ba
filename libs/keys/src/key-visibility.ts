import { AppError, type KeyNarrowing, type RequestContext } from '#kernel';
import type { KeyEntity } from './key.entity.js';

/** Whether the principal may know of the key: always, unless its token is narrowed to other keys (RFC 9396). */
export function isVisible(ctx: RequestContext, key: Pick<KeyEntity, 'keyId' | 'aliases' | 'tags'>): boolean {
  const only = ctx.principal.narrowing;
  if (!only) return true;
  return (
    only.keys.includes(key.keyId) ||
    key.aliases.some((alias) => only.aliases.includes(alias)) ||
    key.tags.some((tag) => only.tags.includes(tag))
  );
}

/** The same rule as SQL over `kms_key k`; `bind` adds a parameter and gives its placeholder. */
export const visibilitySql = (only: KeyNarrowing, bind: (value: unknown) => string): string =>
  `(k.key_id = ANY(${bind(only.keys)}::text[]) OR k.aliases && ${bind(only.aliases)}::text[] OR k.tags && ${bind(only.tags)}::text[])`;

/** A narrowed token speaks for some existing keys; what it made it could not see. Throws `forbidden`. */
export function refuseNarrowed(ctx: RequestContext): void {
  if (ctx.principal.narrowing) {
    throw new AppError('forbidden', { detail: 'A token narrowed to some keys cannot make new ones.' });
  }
}
