import type { SqlQuery } from '../sql-query.js';
import { compileConditions } from './compile.js';
import type { Condition } from './condition.js';
import type { ListResource, TermIndex } from './list-resource.js';
import { Parameters, type Bind, type SqlFragment } from './parameters.js';
import { sortKey, type Sort, type SortKey } from './sort-key.js';
import { conditionTerm } from './terms.js';

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

/** Which rows of the term index to walk, and which of them to look the other terms up for. */
export interface TermPlan {
  /** The term to walk: the rarest. */
  readonly walk: string;
  /** Further terms that a row must have. */
  readonly probe: readonly string[];
}

const order = (key: SortKey, sort: Sort): string =>
  `ORDER BY ${key.map(({ sql }) => (sort.mode === 'asc' ? sql : `${sql} DESC`)).join(', ')}`;

/** A text that casts back to exactly the value it was made of. */
const keyText = ({ sql, type }: SortKey[number]): string =>
  type === 'timestamptz'
    ? `to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    : `(${sql})::text`;

/**
 * The rows after a key, as one row comparison: written with OR instead, the index would serve the first
 * column only, and page n would cost n pages.
 */
function continued(key: SortKey, { sort, after }: Pick<Listing, 'sort' | 'after'>, bind: Bind): string {
  if (!after) return '';
  const operator = sort.mode === 'asc' ? '>' : '<';
  const row = key.map(({ sql }) => sql).join(', ');
  const values = key.map(({ type }, index) => `${bind(after[index])}::${type}`).join(', ');
  return ` AND (${row}) ${operator} (${values})`;
}

const selected = (resource: ListResource, key: SortKey): string =>
  `SELECT ${resource.columns}, ARRAY[${key.map(keyText).join(', ')}] AS page_key`;

const matching = ({ where = [] }: Listing, conditions: readonly Condition[], bind: Bind): string =>
  [...where.map((fragment) => `(${fragment(bind)})`), compileConditions(conditions, bind)].join(' AND ');

/** The page by a scan of the resource's own table: by the index of the sort, if it has one. */
export function scanQuery(resource: ListResource, listing: Listing): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const key = sortKey(resource, listing.sort, bind);
  const text = `${selected(resource, key)}
    FROM ${resource.from}
   WHERE ${resource.tenantColumn} = ${tenant}${continued(key, listing, bind)}
     AND ${matching(listing, listing.conditions, bind)}
   ${order(key, listing.sort)} LIMIT ${bind(listing.limit + 1)}`;
  return { text, params: values };
}

/**
 * The page by a walk along one term, whose rows the term index has in the order of its sort. The other terms
 * are probes below a LIMIT: joined plainly they would be taken for independent, and the planner, expecting
 * hardly a row, would hash whole terms for each page.
 */
export function termQuery(
  resource: ListResource,
  index: TermIndex,
  listing: Listing,
  plan: TermPlan,
): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const tenantColumn = unqualified(resource.tenantColumn);
  const inOrder = listing.sort.name === index.sort;
  const key = inOrder ? indexKey(resource, index, 'walked') : sortKey(resource, listing.sort, bind);
  const probes = plan.probe.map(
    (term, n) => `
    CROSS JOIN LATERAL (
      SELECT 1 FROM ${index.table} t
       WHERE t.${tenantColumn} = ${tenant} AND t.${index.termColumn} = ${bind(term)}::text
         AND t.${index.sortColumn} = walked.${index.sortColumn} AND t.${index.idColumn} = walked.${index.idColumn}
       LIMIT 1) AS probe${n}`,
  );
  const rest = listing.conditions.filter((condition) => conditionTerm(condition) === undefined);
  const text = `${selected(resource, key)}
    FROM ${index.table} walked${probes.join('')}
    JOIN ${resource.from} ON ${resource.tenantColumn} = ${tenant} AND ${resource.id.column} = walked.${index.idColumn}
   WHERE walked.${tenantColumn} = ${tenant} AND walked.${index.termColumn} = ${bind(plan.walk)}::text${continued(key, listing, bind)}
     AND ${matching(listing, rest, bind)}
   ${order(key, listing.sort)} LIMIT ${bind(listing.limit + 1)}`;
  return { text, params: values };
}

/**
 * For each term the rows that the listing still has to expect of it, counted up to `cap`, and how far those
 * counted reach in the index's order: the further, the sparser the term is there.
 */
export function censusQuery(
  resource: ListResource,
  index: TermIndex,
  listing: Listing,
  terms: readonly string[],
  cap: number,
): SqlQuery {
  const { bind, values } = new Parameters();
  const key = indexKey(resource, index, 't');
  const ahead = listing.sort.name === index.sort ? continued(key, listing, bind) : '';
  const last = `${listing.sort.mode === 'asc' ? 'max' : 'min'}(counted.${index.sortColumn})`;
  const text = `SELECT asked.term, census.*
    FROM unnest(${bind(terms)}::text[]) AS asked(term)
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS rows, ${keyText({ sql: last, type: 'timestamptz' })} AS reach
        FROM (SELECT t.${index.sortColumn} FROM ${index.table} t
               WHERE t.${unqualified(resource.tenantColumn)} = ${bind(listing.tenantId)}
                 AND t.${index.termColumn} = asked.term${ahead}
               ${order(key, listing.sort)} LIMIT ${bind(cap)}) AS counted) AS census`;
  return { text, params: values };
}

const indexKey = (resource: ListResource, index: TermIndex, alias: string): SortKey => [
  { sql: `${alias}.${index.sortColumn}`, type: 'timestamptz' },
  { sql: `${alias}.${index.idColumn}`, type: resource.id.type },
];

const unqualified = (column: string): string => column.slice(column.lastIndexOf('.') + 1);
