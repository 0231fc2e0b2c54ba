import type { SqlQuery } from '../sql-query.js';
import { compileConditions } from './compile.js';
import type { Listing } from './list-query.js';
import type { ListResource } from './list-resource.js';
import { Parameters } from './parameters.js';

/** Counts the rows that a listing would have, by the values of some columns (trusted SQL expressions). */
export function countQuery(
  resource: ListResource,
  { tenantId, conditions, where = [] }: Pick<Listing, 'tenantId' | 'conditions' | 'where'>,
  columns: readonly string[],
): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(tenantId);
  const rows = [...where.map((fragment) => `(${fragment(bind)})`), compileConditions(conditions, bind)].join(
    ' AND ',
  );
  const text = `SELECT ${columns.join(', ')}, count(*)::int AS count
    FROM ${resource.from}
   WHERE ${resource.tenantColumn} = ${tenant} AND ${rows}
   GROUP BY ${columns.join(', ')}`;
  return { text, params: values };
}
