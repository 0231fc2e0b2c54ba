import { compileConditions } from './compile.js';
import type { Condition } from './condition.js';
import { continued, orderBy, type Listing, type RowSource } from './list-query.js';
import type { ListResource, TermIndex } from './list-resource.js';
import type { Bind } from './parameters.js';
import type { SortKey } from './sort-key.js';
import { conditionTerm } from './terms.js';

/** The rows that meet one condition, by an index that leads straight to them. */
export interface Stream {
  readonly from: string;
  readonly tenantColumn: string;
  /** The columns of the position in the order of the term index's sort; the second is the id. */
  readonly position: SortKey;
  /** Whether the index has them in that order. */
  readonly ordered: boolean;
  readonly where: (bind: Bind) => string;
}

/** Whether exactly the rows of a stream meet the condition. */
export const hasStream = (condition: Condition): boolean =>
  conditionTerm(condition) !== undefined || isIndexed(condition);

/** The streams that conditions of the listing have, none twice. */
export function streamsOf(resource: ListResource, conditions: readonly Condition[]): Stream[] {
  const { terms } = resource;
  if (!terms) return [];
  const streams = new Map<string, Stream>();
  for (const condition of conditions) {
    const term = conditionTerm(condition);
    if (term !== undefined) streams.set(`term ${term}`, termStream(resource, terms, term));
    else if (isIndexed(condition)) streams.set(condition.text, columnStream(resource, terms, condition));
  }
  return [...streams.values()];
}

/** All rows of the table, in the order of the default sort. */
export const wholeTable = (resource: ListResource, terms: TermIndex): Stream => ({
  from: resource.from,
  tenantColumn: resource.tenantColumn,
  position: tablePosition(resource, terms),
  ordered: true,
  where: () => resource.listed ?? 'true',
});

/**
 * The stream as a source of rows, in its order if that is the listing's. `most` bounds how many of them are looked at.
 */
export function streamSource(
  resource: ListResource,
  terms: TermIndex,
  listing: Listing,
  stream: Stream,
  most?: number,
): RowSource {
  const inOrder = stream.ordered && listing.sort.name === terms.sort;
  const columns = [terms.sortColumn, terms.idColumn];
  const bound = (bind: Bind): string =>
    most === undefined ? '' : `${orderBy(stream.position, listing.sort)} LIMIT ${bind(most)}`;
  return {
    sql: (bind) => `(
      SELECT ${stream.position.map(({ sql }, n) => `${sql} AS ${columns[n]}`).join(', ')} FROM ${stream.from}
       WHERE ${stream.tenantColumn} = ${bind(listing.tenantId)} AND ${stream.where(bind)}
         AND ${inOrder ? continued(stream.position, listing, bind) : 'true'} ${bound(bind)}) AS walked`,
    id: `walked.${terms.idColumn}`,
    ...(inOrder && { position: positionOf(resource, terms, 'walked') }),
  };
}

const isIndexed = ({ field, operator }: Condition): boolean =>
  field.kind === 'string' && field.index !== undefined && operator === 'eq';

const termStream = (resource: ListResource, terms: TermIndex, term: string): Stream => ({
  from: `${terms.table} t`,
  tenantColumn: `t.${unqualified(resource.tenantColumn)}`,
  position: positionOf(resource, terms, 't'),
  ordered: true,
  where: (bind) => `t.${terms.termColumn} = ${bind(term)}::text`,
});

const columnStream = (resource: ListResource, terms: TermIndex, condition: Condition): Stream => ({
  ...wholeTable(resource, terms),
  ordered: 'index' in condition.field && condition.field.index === 'ordered',
  where: (bind) => `${resource.listed ?? 'true'} AND ${compileConditions([condition], bind)}`,
});

const tablePosition = (resource: ListResource, terms: TermIndex): SortKey => [
  { sql: resource.sorts[terms.sort]?.column ?? '', type: 'timestamptz' },
  { sql: resource.id.column, type: resource.id.type },
];

export const positionOf = (resource: ListResource, terms: TermIndex, alias: string): SortKey => [
  { sql: `${alias}.${terms.sortColumn}`, type: 'timestamptz' },
  { sql: `${alias}.${terms.idColumn}`, type: resource.id.type },
];

const unqualified = (column: string): string => column.slice(column.lastIndexOf('.') + 1);
