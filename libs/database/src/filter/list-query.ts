import type { SqlQuery } from '../sql-query.js';
import { compileConditions } from './compile.js';
import type { Condition } from './condition.js';
import type { ListResource } from './list-resource.js';
import { Parameters, type Bind, type SqlFragment } from './parameters.js';
import { sortKey, type Sort, type SortKey } from './sort-key.js';

/** One page of a listing. */
export interface Listing {
  readonly tenantId: string;
  readonly conditions: readonly Condition[];
  readonly sort: Sort;
  /** Rows a page has at most. The statements ask for one more, which tells whether another page follows. */
  readonly limit: number;
  /** The sort key of the row that the page begins after, as `page_key` gave it. */
  readonly after?: readonly string[];
  /** Further conditions on the resource's rows, for example what a token is narrowed to. */
  readonly where?: readonly SqlFragment[];
}

/** Which rows of a resource are looked at: an item of FROM, and the columns of its position. */
export interface RowSource {
  readonly sql: (bind: Bind) => string;
  /** The sort key in the source's own order; absent where its rows come in none, and are sorted. */
  readonly position?: SortKey;
  /** The column with the row's id. */
  readonly id: string;
}

export const orderBy = (key: SortKey, sort: Pick<Sort, 'mode'>): string =>
  `ORDER BY ${key.map(({ sql }) => (sort.mode === 'asc' ? sql : `${sql} DESC`)).join(', ')}`;

/** A text that casts back to exactly the value it was made of. */
export const keyText = ({ sql, type }: SortKey[number]): string =>
  type === 'timestamptz'
    ? `to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    : `(${sql})::text`;

/**
 * The rows after a key, as one row comparison: written with OR instead, the index would serve the first
 * column only, and page n would cost n pages.
 */
export function continued(
  key: SortKey,
  { sort, after }: Pick<Listing, 'sort' | 'after'>,
  bind: Bind,
): string {
  if (!after) return 'true';
  const operator = sort.mode === 'asc' ? '>' : '<';
  const row = key.map(({ sql }) => sql).join(', ');
  const values = key.map(({ type }, index) => `${bind(after[index])}::${type}`).join(', ');
  return `(${row}) ${operator} (${values})`;
}

const selected = (resource: ListResource, key: SortKey): string =>
  `SELECT ${resource.columns}, ARRAY[${key.map(keyText).join(', ')}] AS page_key`;

/** What every row of the listing meets, apart from its tenant. */
export const matching = (
  resource: ListResource,
  { where = [], conditions }: Pick<Listing, 'where' | 'conditions'>,
  bind: Bind,
): string =>
  [
    resource.listed ?? 'true',
    ...where.map((fragment) => `(${fragment(bind)})`),
    compileConditions(conditions, bind),
  ].join(' AND ');

/** Whether an index of the table has the order of this sort. */
export const isIndexedSort = ({ sorts }: ListResource, { name }: Sort): boolean => {
  const sort = sorts[name];
  return sort?.type !== 'jsonb' && sort?.indexed === true;
};

/**
 * The page by a scan of the resource's own table: by the index of the sort, if it has one. `most` bounds how many
 * rows are looked at; without such an index they would all have to be sorted first.
 */
export function scanQuery(resource: ListResource, listing: Listing, most?: number): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const key = sortKey(resource, listing.sort, bind);
  const begun = `${resource.from} WHERE ${resource.tenantColumn} = ${tenant}
     AND ${resource.listed ?? 'true'} AND ${continued(key, listing, bind)}`;
  const ordered = orderBy(key, listing.sort);
  const rows =
    most === undefined
      ? `${begun} AND`
      : `(SELECT * FROM ${begun} ${ordered} LIMIT ${bind(most)}) AS ${aliasOf(resource)} WHERE`;
  const text = `${selected(resource, key)}
    FROM ${rows} ${matching(resource, listing, bind)}
   ${ordered} LIMIT ${bind(listing.limit + 1)}`;
  return { text, params: values };
}

/**
 * The page out of a source: in the source's order, if it has one, else sorted. Each row is fetched by its id below
 * a LIMIT: joined plainly, the planner would be free to begin at the other end, which it does where statistics, those
 * of all tenants together, tell it so.
 */
export function sourceQuery(resource: ListResource, listing: Listing, source: RowSource): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const key = source.position ?? sortKey(resource, listing.sort, bind);
  const text = `${selected(resource, key)}
    FROM ${source.sql(bind)}
    CROSS JOIN LATERAL ${fetched(resource, tenant, source.id)}
   WHERE ${matching(resource, listing, bind)} AND ${source.position ? 'true' : continued(key, listing, bind)}
   ${orderBy(key, listing.sort)} LIMIT ${bind(listing.limit + 1)}`;
  return { text, params: values };
}

/**
 * The row with an id, under the alias of the resource's table. Its other conditions stay outside of the LIMIT, where
 * no index of theirs can be taken for the row's own.
 */
export const fetched = (resource: ListResource, tenant: string, id: string): string => `(
      SELECT * FROM ${resource.from}
       WHERE ${resource.tenantColumn} = ${tenant} AND ${resource.id.column} = ${id}
       LIMIT 1) AS ${aliasOf(resource)}`;

const aliasOf = ({ tenantColumn }: ListResource): string => tenantColumn.slice(0, tenantColumn.indexOf('.'));
