import type { SqlQuery } from '../sql-query.js';
import { continued, keyText, orderBy, type Listing } from './list-query.js';
import type { ListResource, TermIndex } from './list-resource.js';
import type { Position } from './match-query.js';
import { Parameters } from './parameters.js';
import type { SortMode } from './sort-key.js';
import { positionOf, type Stream } from './stream.js';

/** What the census says of one stream. */
export interface Census {
  /** Which of the streams asked for. */
  readonly stream: number;
  readonly rows: number;
  /** How far the counted ones reach in the stream's order; null where there are none, or no order. */
  readonly reach: string | null;
  /** How far its beginning reaches; null where that was not asked for, or many rows are together. */
  readonly end: string | null;
  /** The positions of rows that are in the beginnings of all streams, in order; null where there are none. */
  readonly together: readonly Position[] | null;
}

export interface CensusScope {
  /** Rows of each stream are counted up to here. */
  readonly most: number;
  /** Asks for rows that are in the beginnings of all streams, all of which must have the listing's order. */
  readonly together?: {
    /** So many rows are a stream's beginning. */
    readonly within: number;
    /** So many of those that are in every beginning are named: the first ones that are in all streams at all. */
    readonly limit: number;
  };
}

/**
 * For each stream the rows that the listing still has to expect of it, counted up to a bound, and how far those counted
 * reach: the further, the sparser the stream is there. Where PostgreSQL can intersect as it reads (18 and later, in
 * ascending order), beginnings are read no further than that takes.
 */
export function censusQuery(
  resource: ListResource,
  terms: TermIndex,
  listing: Listing,
  streams: readonly Stream[],
  { most, together }: CensusScope,
): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const counted = bind(most);
  const [within, limit] = together ? [bind(together.within), bind(together.limit)] : [counted];
  const inOrder = listing.sort.name === terms.sort;
  const columns = [terms.sortColumn, terms.idColumn];
  const last = `${listing.sort.mode === 'asc' ? 'max' : 'min'}(${terms.sortColumn})`;
  const furthest = keyText({ sql: last, type: 'timestamptz' });
  const met = positionOf(resource, terms, 'met');
  const inTurn = orderBy(met, listing.sort);
  const beginnings = streams.map(
    (stream, n) => `w${n} AS MATERIALIZED (
      SELECT ${stream.position.map(({ sql }, column) => `${sql} AS ${columns[column]}`).join(', ')} FROM ${stream.from}
       WHERE ${stream.tenantColumn} = ${tenant} AND ${stream.where(bind)}
         AND ${inOrder && stream.ordered ? continued(stream.position, listing, bind) : 'true'}
       ${stream.ordered ? orderBy(stream.position, listing.sort) : ''} LIMIT ${within})`,
  );
  if (limit) {
    const all = streams.map((_, n) => `TABLE w${n}`).join(' INTERSECT ');
    beginnings.push(`met AS MATERIALIZED (SELECT * FROM (${all}) AS met ${inTurn} LIMIT ${limit})`);
  }
  const end = (n: number): string =>
    limit ? `(SELECT ${furthest} FROM w${n} WHERE (SELECT count(*) FROM met) < ${limit})` : 'NULL';
  const positions = `(SELECT array_agg(ARRAY[${met.map(keyText).join(', ')}] ${inTurn}) FROM met)`;
  const lines = streams.map(
    (
      { ordered },
      n,
    ) => `SELECT ${n} AS stream, count(*)::int AS rows, ${ordered ? furthest : 'NULL'} AS reach,
        ${end(n)} AS end, ${limit && n === 0 ? positions : 'NULL::text[]'} AS together
      FROM (SELECT * FROM w${n} LIMIT ${counted}) AS counted`,
  );
  return { text: `WITH ${beginnings.join(', ')}\n${lines.join('\n UNION ALL ')}`, params: values };
}

/** Fewer rows first; of streams with as many rows counted, first the one whose rows reach further. */
export const byRarity =
  (mode: SortMode) =>
  (a: Census, b: Census): number => {
    if (a.rows !== b.rows || a.reach === b.reach) return a.rows - b.rows;
    if (a.reach === null || b.reach === null) return a.reach === null ? 1 : -1;
    return a.reach > b.reach === (mode === 'asc') ? -1 : 1;
  };
