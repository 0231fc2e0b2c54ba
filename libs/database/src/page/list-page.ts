import type { ListResource } from '../filter/list-resource.js';
import { censusQuery, scanQuery, termQuery, type Listing } from '../filter/list-query.js';
import { listingError } from '../filter/listing-error.js';
import type { SortMode } from '../filter/sort-key.js';
import { conditionTerm } from '../filter/terms.js';
import type { SqlQuery } from '../sql-query.js';

export interface Page<Row> {
  readonly rows: Row[];
  /** The sort key to continue after; absent on the last page. */
  readonly after?: readonly string[];
}

/** What runs the statements: an open transaction of the tenant. */
export interface StatementRunner {
  run<Row extends object>(query: SqlQuery): Promise<Row[]>;
}

interface Census {
  readonly term: string;
  readonly rows: number;
  /** Null where `rows` is 0. */
  readonly reach: string;
}

type Keyed<Row> = Row & { readonly page_key: string[] };

/** Up to here terms are counted, and up to here a term's rows are sorted rather than the sort's index walked. */
const CENSUS_CAP = 5_000;

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
    const query = await chooseQuery(tx, resource, listing);
    const found = query ? await tx.run<Keyed<Row>>(query) : [];
    const rows = found.slice(0, listing.limit);
    const after = found.length > listing.limit ? rows.at(-1)?.page_key : undefined;
    return { rows: rows.map(withoutKey), ...(after && { after }) };
  } catch (error) {
    throw listingError(error, listing.conditions);
  }
}

/** The statement that finds the page cheapest; undefined when it is known to be empty. */
async function chooseQuery(
  tx: StatementRunner,
  resource: ListResource,
  listing: Listing,
): Promise<SqlQuery | undefined> {
  const index = resource.terms;
  const found = index ? listing.conditions.map(conditionTerm).filter((term) => term !== undefined) : [];
  const [only, ...others] = new Set(found);
  if (!index || only === undefined) return scanQuery(resource, listing);
  const inOrder = listing.sort.name === index.sort;
  if (inOrder && others.length === 0) {
    return termQuery(resource, index, listing, { walk: only, probe: [] });
  }
  const census = await tx.run<Census>(censusQuery(resource, index, listing, [only, ...others], CENSUS_CAP));
  const [rarest, ...rest] = census.sort(byRarity(listing.sort.mode));
  if (!rarest || rarest.rows === 0) return undefined;
  if (!inOrder && rarest.rows >= CENSUS_CAP) return scanQuery(resource, listing);
  return termQuery(resource, index, listing, { walk: rarest.term, probe: rest.map(({ term }) => term) });
}

/** Fewer rows first; of terms with as many rows counted, first the one whose rows reach further. */
const byRarity =
  (mode: SortMode) =>
  (a: Census, b: Census): number => {
    if (a.rows !== b.rows || a.reach === b.reach) return a.rows - b.rows;
    return a.reach > b.reach === (mode === 'asc') ? -1 : 1;
  };

const withoutKey = <Row>({ page_key: _, ...row }: Keyed<Row>): Row => row as unknown as Row;
