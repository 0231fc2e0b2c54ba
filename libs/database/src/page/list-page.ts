import type { ListResource } from '../filter/list-resource.js';
import type { Listing } from '../filter/list-query.js';
import { listingError } from '../filter/listing-error.js';
import type { SqlQuery } from '../sql-query.js';
import { PageReader } from './page-reader.js';

export interface Page<Row> {
  readonly rows: Row[];
  /** The sort key to continue after; absent on the last page. */
  readonly after?: readonly string[];
}

/** What runs the statements: an open transaction of the tenant. */
export interface StatementRunner {
  run<Row extends object>(query: SqlQuery): Promise<Row[]>;
}

/**
 * Reads one page. What is inserted or deleted meanwhile never makes another row appear twice or vanish,
 * because a page continues after a key, not after a number of rows. Throws `filter_too_costly` when the
 * transaction's `statement_timeout` ran out and `invalid_filter` for a bad SQL/JSON path.
 */
export async function listPage<Row extends object>(
  tx: StatementRunner,
  resource: ListResource,
  listing: Listing,
): Promise<Page<Row>> {
  try {
    return await new PageReader<Row>(tx, resource, listing).read();
  } catch (error) {
    throw listingError(error, listing.conditions);
  }
}
