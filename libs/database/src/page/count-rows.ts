import { areContradictory } from '../filter/contradiction.js';
import { countQuery } from '../filter/count-query.js';
import type { Listing } from '../filter/list-query.js';
import type { ListResource } from '../filter/list-resource.js';
import { listingError } from '../filter/listing-error.js';
import { conditionMark } from '../filter/marks.js';
import { idsSource, matchQuery, type Match } from '../filter/match-query.js';
import type { StatementRunner } from './page.js';

/** Up to here the rows with all marks are fetched one by one; more are counted by passing through the table. */
const FEW = 5_000;

/**
 * Counts the rows that a listing would have, by the values of some columns (trusted SQL expressions). Throws as
 * `listPage`.
 */
export async function countRows<Row extends object>(
  tx: StatementRunner,
  resource: ListResource,
  listing: Pick<Listing, 'tenantId' | 'conditions' | 'where'>,
  columns: readonly string[],
): Promise<Row[]> {
  if (areContradictory(listing.conditions)) return [];
  try {
    const matches = await findMatches(tx, resource, listing);
    if (matches?.length === 0) return [];
    const ids = matches?.map(({ id }) => id);
    const source = ids && ids.length < FEW ? idsSource(ids, resource) : undefined;
    return await tx.run<Row>(countQuery(resource, listing, columns, source));
  } catch (error) {
    throw listingError(error, listing.conditions);
  }
}

async function findMatches(
  tx: StatementRunner,
  resource: ListResource,
  { conditions }: Pick<Listing, 'conditions'>,
): Promise<Match[] | undefined> {
  const { terms, matches } = resource;
  const marks = conditions.map(conditionMark).filter((mark) => mark !== undefined);
  if (!terms || !matches || marks.length === 0) return undefined;
  return tx.run<Match>(matchQuery(terms, matches, [...new Set(marks)], FEW));
}
