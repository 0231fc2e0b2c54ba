import type { SqlQuery } from '../sql-query.js';
import { fetched, matching, type Listing, type RowSource } from './list-query.js';
import type { ListResource } from './list-resource.js';
import { Parameters } from './parameters.js';

/**
 * Counts the rows that a listing would have, by the values of some columns (trusted SQL expressions): those of a
 * source, else those of the whole table.
 */
export function countQuery(
  resource: ListResource,
  listing: Pick<Listing, 'tenantId' | 'conditions' | 'where'>,
  columns: readonly string[],
  source?: RowSource,
): SqlQuery {
  const { bind, values } = new Parameters();
  const tenant = bind(listing.tenantId);
  const rows = source
    ? `${source.sql(bind)} CROSS JOIN LATERAL ${fetched(resource, tenant, source.id)} WHERE`
    : `${resource.from} WHERE ${resource.tenantColumn} = ${tenant} AND`;
  const text = `SELECT ${columns.join(', ')}, count(*)::int AS count
    FROM ${rows} ${matching(resource, listing, bind)}
   GROUP BY ${columns.join(', ')}`;
  return { text, params: values };
}
