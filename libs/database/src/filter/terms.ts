import type { Condition } from './condition.js';
import { FILTER_LIMITS } from './filter-limits.js';
import { isNumberSyntax } from './literals.js';

/** A collision-resistant digest as printable text, e.g. SHA-256 in hex. */
export type TermHash = (text: string) => string;

/** Longest term in characters: a term is part of a B-tree key. */
const MAX_TERM_LENGTH = 256;

/** The term of a tag. */
export const tagTerm = (tag: string): string => `t:${tag}`;

/** The term of an alias. */
export const aliasTerm = (alias: string): string => `a:${alias}`;

/**
 * The term of a scalar in metadata: its path and its text as one JSON array, so that no two pairs share it.
 * Numbers are in JavaScript's own spelling (`5`, never `5.0`). What is too long stands as its hash.
 */
export function metadataTerm(path: readonly string[], text: string, hash: TermHash): string {
  const term = `m:${JSON.stringify([...path, text])}`;
  return term.length > MAX_TERM_LENGTH ? `h:${hash(term)}` : term;
}

/**
 * The terms of all scalars in a metadata object. Members of arrays have none, null neither, and what lies
 * deeper than a filter reaches neither.
 */
export function metadataTerms(metadata: Readonly<Record<string, unknown>>, hash: TermHash): string[] {
  const terms = new Set<string>();
  const visit = (value: unknown, path: readonly string[]): void => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      terms.add(metadataTerm(path, String(value), hash));
    } else if (
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      path.length < FILTER_LIMITS.pathDepth
    ) {
      for (const [name, member] of Object.entries(value)) visit(member, [...path, name]);
    }
  };
  visit(metadata, []);
  return [...terms];
}

/**
 * The term that exactly the rows meeting `condition` have, if there is one: whole elements of lists, and
 * scalars of JSON. A number in another spelling than JavaScript's has none, because it also equals a number
 * that is spelt differently.
 */
export function conditionTerm({ field, path, operator, operand }: Condition): string | undefined {
  const value = operand[0] ?? '';
  if (field.kind === 'list' && operator === 'ct') return field.term?.(value);
  if (field.kind !== 'json' || operator !== 'eq') return undefined;
  return isNumberSyntax(value) && String(Number(value)) !== value ? undefined : field.term?.(path, value);
}
