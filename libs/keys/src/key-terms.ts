import { sha256Hex } from '#crypto';
import { aliasTerm, metadataTerms, tagTerm } from '#database';
import type { KeyEntity } from './key.entity.js';

/** What a key can be found by through `key_term`, without duplicates. */
export const termsOf = (key: Pick<KeyEntity, 'tags' | 'aliases' | 'metadata'>): string[] => [
  ...new Set([
    ...key.tags.map(tagTerm),
    ...key.aliases.map(aliasTerm),
    ...metadataTerms(key.metadata, sha256Hex),
  ]),
];
