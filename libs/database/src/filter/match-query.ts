import type { SqlQuery } from '../sql-query.js';
import { fetched, keyText, matching, type Listing, type RowSource } from './list-query.js';
import type { Intersection, ListResource, TermIndex } from './list-resource.js';
import { Parameters, type Bind, type SqlFragment } from './parameters.js';
import { positionOf } from './stream.js';

/** A row's place in the order of the default sort. */
export type Position = readonly [sort: string, id: string];

/** The id of a row that has all marks. */
export interface Match {
  readonly id: string;
}

/** Rows that have all these marks, whichever are found first, up to `most`. */
export function matchQuery(
  terms: TermIndex,
  intersection: Intersection,
  marks: readonly string[],
  most: number,
): SqlQuery {
  const { bind, values } = new Parameters();
  const found = call(intersection, bind, [marks, null, null, null, most]);
  return { text: `SELECT ${terms.idColumn} AS id FROM ${found}`, params: values };
}

/** Rows known by their ids, as a source in no order. */
export const idsSource = (ids: readonly string[], { id }: ListResource): RowSource => ({
  sql: (bind) => `unnest(${bind(ids)}::${id.type}[]) AS found(id)`,
  id: 'found.id',
});

/** A call that answers the positions of rows, in the order of the listing: those of its page, and of one more. */
export type Candidates = SqlFragment;

/** The first rows after the listing's page before that have all these marks. */
export const markedRows =
  (
    intersection: Intersection,
    { sort, after, limit }: Pick<Listing, 'sort' | 'after' | 'limit'>,
    marks: readonly string[],
  ): Candidates =>
  (bind) =>
    call(intersection, bind, [
      marks,
      after?.[0] ?? null,
      after?.[1] ?? null,
      sort.mode === 'desc',
      limit + 1,
    ]);

/** Rows known by their positions. */
export const knownRows =
  (positions: readonly Position[], { id }: ListResource): Candidates =>
  (bind) => {
    const [times, ids] = [0, 1].map((column) => bind(positions.map((position) => position[column])));
    return `unnest(${times}::timestamptz[], ${ids}::${id.type}[])`;
  };

/**
 * All candidates, and the rows of those on the page: `is_listed` is NULL where one no longer meets the listing, and
 * where it is the one more. By its `page_key` the next page continues after a candidate whether it is listed or not.
 */
export function candidatesQuery(
  resource: ListResource,
  terms: TermIndex,
  listing: Listing,
  candidates: Candidates,
): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const shown = `CASE WHEN c.place <= ${bind(listing.limit)} THEN c.${terms.idColumn} END`;
  const text = `SELECT listed.*, ARRAY[${positionOf(resource, terms, 'c').map(keyText).join(', ')}] AS page_key
    FROM ${candidates(bind)} WITH ORDINALITY AS c(${terms.sortColumn}, ${terms.idColumn}, place)
    LEFT JOIN LATERAL (
      SELECT ${resource.columns}, true AS is_listed FROM ${fetched(resource, tenant, shown)}
       WHERE ${matching(resource, listing, bind)}) AS listed ON true
   ORDER BY c.place`;
  return { text, params: values };
}

const TYPES = ['text[]', 'timestamptz', 'text', 'boolean', 'integer'];

const call = ({ name }: Intersection, bind: Bind, values: readonly unknown[]): string =>
  `${name}(${values.map((value, n) => `${bind(value)}::${TYPES[n]}`).join(', ')})`;
