import type { PlanType } from '../database.js';
import { areContradictory } from '../filter/contradiction.js';
import type { ListResource } from '../filter/list-resource.js';
import { isIndexedSort, type Listing } from '../filter/list-query.js';
import { listingError } from '../filter/listing-error.js';
import { conditionMark } from '../filter/marks.js';
import { streamsOf } from '../filter/stream.js';
import { PageReader } from './page-reader.js';
import type { Page, StatementRunner } from './page.js';

/** No plan that collects rows to sort them, while an index has them in order. */
const IN_ORDER: readonly PlanType[] = ['sort', 'bitmapscan'];

/**
 * What the transaction that reads such a page does without (`TransactionOptions.without`). Statistics are those of all
 * tenants together, and there are none after a bulk load: where indexes lead, the planner must not choose by them.
 */
export const plansToAvoid = (
  resource: ListResource,
  { conditions, sort }: Pick<Listing, 'conditions' | 'sort'>,
): readonly PlanType[] => {
  if (!isIndexedSort(resource, sort)) return [];
  const led = streamsOf(resource, conditions).length > 0 || conditions.some((one) => conditionMark(one));
  return led || conditions.length === 0 ? IN_ORDER : [];
};

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
  if (areContradictory(listing.conditions)) return { rows: [] };
  try {
    return await new PageReader<Row>(tx, resource, listing).read();
  } catch (error) {
    throw listingError(error, listing.conditions);
  }
}
