import type { SqlQuery } from '../sql-query.js';
import { continued, keyText, orderBy, type Listing } from './list-query.js';
import type { TermIndex } from './list-resource.js';
import { Parameters } from './parameters.js';
import type { SortMode } from './sort-key.js';
import type { Stream } from './stream.js';

/** What the census says of one stream. */
export interface Census {
  /** Which of the streams asked for. */
  readonly stream: number;
  readonly rows: number;
  /** How far the counted ones reach in the stream's order; null where there are none, or no order. */
  readonly reach: string | null;
}

/**
 * For each stream the rows that the listing still has to expect of it, counted up to `cap`, and how far those
 * counted reach: the further, the sparser the stream is there.
 */
export function censusQuery(
  terms: TermIndex,
  listing: Listing,
  streams: readonly Stream[],
  cap: number,
): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const inOrder = listing.sort.name === terms.sort;
  const one = (stream: Stream, n: number): string => {
    const last = `${listing.sort.mode === 'asc' ? 'max' : 'min'}(counted.${terms.sortColumn})`;
    const reach = stream.ordered ? keyText({ sql: last, type: 'timestamptz' }) : 'NULL';
    return `SELECT ${n} AS stream, count(*)::int AS rows, ${reach} AS reach
      FROM (SELECT ${stream.position[0]?.sql} AS ${terms.sortColumn} FROM ${stream.from}
             WHERE ${stream.tenantColumn} = ${tenant} AND ${stream.where(bind)}
               AND ${inOrder && stream.ordered ? continued(stream.position, listing, bind) : 'true'}
             ${stream.ordered ? orderBy(stream.position, listing.sort) : ''} LIMIT ${bind(cap)}) AS counted`;
  };
  return { text: streams.map(one).join('\n UNION ALL '), params: values };
}

/** Fewer rows first; of streams with as many rows counted, first the one whose rows reach further. */
export const byRarity =
  (mode: SortMode) =>
  (a: Census, b: Census): number => {
    if (a.rows !== b.rows || a.reach === b.reach) return a.rows - b.rows;
    if (a.reach === null || b.reach === null) return a.reach === null ? 1 : -1;
    return a.reach > b.reach === (mode === 'asc') ? -1 : 1;
  };
