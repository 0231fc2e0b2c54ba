import type { SqlQuery } from '../sql-query.js';
import { continued, keyText, orderBy, type Listing } from './list-query.js';
import type { ListResource, TermIndex } from './list-resource.js';
import type { Match } from './match-query.js';
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
}

/** A line of the census: of a stream, or of a row that all of them begin with. */
export type CensusLine = (Census & { readonly position: null }) | ({ readonly stream: null } & Match);

export interface CensusScope {
  /** Rows of each stream are counted up to here. */
  readonly most: number;
  /** Asks for rows that all streams begin with, all of which must have the listing's order. */
  readonly together?: {
    /** So many rows of each stream are looked at. */
    readonly within: number;
    /** So many of those that are in every stream are named. */
    readonly limit: number;
  };
}

/**
 * For each stream the rows that the listing still has to expect of it, counted up to a bound, and how far those counted
 * reach: the further, the sparser the stream is there. What is in the beginnings of all streams are the first rows that are
 * in all of them. PostgreSQL reads a beginning as far as it is asked for it: no further than counted, if many are together.
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
  const within = together ? bind(together.within) : counted;
  const inOrder = listing.sort.name === terms.sort;
  const columns = [terms.sortColumn, terms.idColumn];
  const window = (stream: Stream, n: number): string => `w${n} AS MATERIALIZED (
      SELECT ${stream.position.map(({ sql }, column) => `${sql} AS ${columns[column]}`).join(', ')} FROM ${stream.from}
       WHERE ${stream.tenantColumn} = ${tenant} AND ${stream.where(bind)}
         AND ${inOrder && stream.ordered ? continued(stream.position, listing, bind) : 'true'}
       ${stream.ordered ? orderBy(stream.position, listing.sort) : ''} LIMIT ${within})`;
  const count = ({ ordered }: Stream, n: number): string => {
    const last = `${listing.sort.mode === 'asc' ? 'max' : 'min'}(${terms.sortColumn})`;
    const reach = ordered ? keyText({ sql: last, type: 'timestamptz' }) : 'NULL';
    return `SELECT ${n} AS stream, count(*)::int AS rows, ${reach} AS reach, NULL::text[] AS position
      FROM (SELECT * FROM w${n} LIMIT ${counted}) AS counted`;
  };
  const lines = streams.map(count);
  if (together) {
    const position = positionOf(resource, terms, 'met');
    const all = streams.map((_, n) => `TABLE w${n}`).join(' INTERSECT ');
    lines.push(`(SELECT NULL, NULL, NULL, ARRAY[${position.map(keyText).join(', ')}] FROM (${all}) AS met
       ${orderBy(position, listing.sort)} LIMIT ${bind(together.limit)})`);
  }
  const text = `WITH ${streams.map(window).join(', ')}\n${lines.join('\n UNION ALL ')}`;
  return { text, params: values };
}

/** Fewer rows first; of streams with as many rows counted, first the one whose rows reach further. */
export const byRarity =
  (mode: SortMode) =>
  (a: Census, b: Census): number => {
    if (a.rows !== b.rows || a.reach === b.reach) return a.rows - b.rows;
    if (a.reach === null || b.reach === null) return a.reach === null ? 1 : -1;
    return a.reach > b.reach === (mode === 'asc') ? -1 : 1;
  };
