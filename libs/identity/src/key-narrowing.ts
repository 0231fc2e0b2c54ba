import { z } from 'zod';
import type { KeyNarrowing } from '#kernel';
import { refuseToken } from './token-refusal.js';

const TYPE = 'claviger_keys';
const MAX_ENTRIES = 20;
const MAX_NAMES = 100;

/** 1–255 characters without controls (PostgreSQL takes no U+0000) and without unpaired surrogates. */
export const CLEAN_NAME = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

const names = z.array(z.string().regex(CLEAN_NAME, 'is not a name of 1 to 255 characters')).default([]);

const countNames = (narrowing: KeyNarrowing): number =>
  narrowing.keys.length + narrowing.aliases.length + narrowing.tags.length;

/**
 * The members of an authorization detail of type `claviger_keys`. Unknown members are refused (RFC 9396 §2.2):
 * to skip one would grant more than the issuer meant.
 */
export const keyNarrowing = z
  .strictObject({ keys: names, aliases: names, tags: names })
  .refine((narrowing) => countNames(narrowing) > 0, { message: 'names nothing' })
  .refine((narrowing) => countNames(narrowing) <= MAX_NAMES, { message: `names more than ${MAX_NAMES}` });

const detail = z.looseObject({ type: z.string() });

/** An authorization detail (RFC 9396) that narrows a token to `narrowing`. */
export const narrowingDetail = (narrowing: KeyNarrowing) => ({ type: TYPE, ...narrowing });

/**
 * Reads the claim `authorization_details` (RFC 9396). Entries of type `claviger_keys` add up: a key is visible
 * when any of them names it. Entries of other types are not for Claviger. Without an entry of ours: undefined,
 * not narrowed. Throws `invalid_token` for a claim that is no array of typed objects, and for an entry of ours
 * that is malformed, names nothing, or is one too many: what cannot be understood must not widen a token.
 */
export function narrowingOf(claim: unknown): KeyNarrowing | undefined {
  if (claim === undefined) return undefined;
  const details = z.array(detail).safeParse(claim);
  if (!details.success) throw refuseToken('narrowing');
  const ours = details.data.filter((entry) => entry.type === TYPE);
  if (ours.length === 0) return undefined;
  const entries = z
    .array(keyNarrowing)
    .max(MAX_ENTRIES)
    .safeParse(ours.map(({ type: _, ...members }) => members));
  if (!entries.success) throw refuseToken('narrowing');
  const union = Object.freeze({
    keys: Object.freeze(entries.data.flatMap((entry) => entry.keys)),
    aliases: Object.freeze(entries.data.flatMap((entry) => entry.aliases)),
    tags: Object.freeze(entries.data.flatMap((entry) => entry.tags)),
  });
  if (countNames(union) > MAX_NAMES) throw refuseToken('narrowing');
  return union;
}
