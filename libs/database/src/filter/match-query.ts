import type { SqlQuery } from '../sql-query.js';
import type { Listing, RowSource } from './list-query.js';
import { keyText } from './list-query.js';
import type { Intersection, ListResource, TermIndex } from './list-resource.js';
import { Parameters } from './parameters.js';
import { positionOf } from './stream.js';

/** A row that has all marks: its position in the order of the default sort. */
export interface Match {
  readonly position: readonly [string, string];
}

/**
 * Rows that have all these marks, up to `most`: in order the first ones after the listing's page before, else whichever
 * are found first.
 */
export function matchQuery(
  resource: ListResource,
  terms: TermIndex,
  intersection: Intersection,
  listing: Pick<Listing, 'sort' | 'after'>,
  marks: readonly string[],
  most: number,
  inOrder: boolean,
): SqlQuery {
  const { bind, values } = new Parameters();
  const after = inOrder ? listing.after : undefined;
  const descending = inOrder ? listing.sort.mode === 'desc' : null;
  const text = `SELECT ARRAY[${positionOf(resource, terms, 'm').map(keyText).join(', ')}] AS position
    FROM ${intersection.name}(${bind(marks)}::text[], ${bind(after?.[0] ?? null)}::timestamptz, ${bind(after?.[1] ?? null)}::text,
                              ${bind(descending)}::boolean, ${bind(most)}::integer) AS m`;
  return { text, params: values };
}

/** Rows known by their positions, as a source in no order. */
export const matchSource = (matches: readonly Match[], idType: string): RowSource => ({
  sql: (bind) => `unnest(${bind(matches.map(({ position }) => position[1]))}::${idType}[]) AS found(id)`,
  id: 'found.id',
});
