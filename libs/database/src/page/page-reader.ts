import { byRarity, censusQuery, type Census } from '../filter/census-query.js';
import { isIndexedSort, scanQuery, sourceQuery, type Listing, type RowSource } from '../filter/list-query.js';
import type { ListResource, TermIndex } from '../filter/list-resource.js';
import { conditionMark } from '../filter/marks.js';
import {
  candidatesQuery,
  idsSource,
  knownRows,
  markedRows,
  matchQuery,
  type Candidates,
  type Match,
} from '../filter/match-query.js';
import { hasStream, streamSource, streamsOf, wholeTable, type Stream } from '../filter/stream.js';
import type { SortMode } from '../filter/sort-key.js';
import type { SqlQuery } from '../sql-query.js';
import type { Page, StatementRunner } from './page.js';

interface Counted extends Omit<Census, 'stream'> {
  readonly stream: Stream;
}

type Keyed<Row> = Row & { readonly page_key: string[] };

/** What one of `candidatesQuery` is: without a row where `is_listed` is null. */
type Candidate<Row> = Keyed<Row> & { readonly is_listed: true | null };

/** So many rows are fetched one by one, in order, to save intersecting marks. */
const TRIED = 200;

/**
 * So many rows of each stream are compared to find those that are in all, and so many for each row of a page: two that
 * a sixth of the rows have each meet in a page. More than are tried, to see that those of one stream are in none other.
 */
const COMPARED = 300;
const COMPARED_EACH = 6;

/** So many are all fetched and sorted, where a listing is in another order than theirs. */
const SORTED = 5_000;

/** Finds one page the cheapest way that the indexed ones of its conditions allow. */
export class PageReader<Row extends object> {
  readonly #marks: ReadonlySet<string>;
  /** Whether marks say all of the filter. */
  readonly #allMarked: boolean;

  constructor(
    private readonly tx: StatementRunner,
    private readonly resource: ListResource,
    private readonly listing: Listing,
  ) {
    const { conditions, where = [] } = listing;
    const marks = conditions.map(conditionMark).filter((mark) => mark !== undefined);
    this.#marks = new Set(resource.matches ? marks : []);
    this.#allMarked = marks.length === conditions.length && where.length === 0;
  }

  async read(): Promise<Page<Row>> {
    const { resource, listing } = this;
    const streams = streamsOf(resource, listing.conditions);
    const { terms } = resource;
    if (!terms || streams.length + this.#marks.size === 0) return this.#page(scanQuery(resource, listing));
    const inOrder = listing.sort.name === terms.sort;
    const [only] = streams;
    if (inOrder && only?.ordered && streams.length === 1 && this.#marks.size <= 1) {
      return this.#walk(terms, only);
    }
    const few = inOrder ? TRIED : SORTED;
    const exact = inOrder && this.#sayAll(streams);
    const census = await this.#survey(terms, streams, few, exact);
    const [rarest] = census;
    if (rarest?.rows === 0) return { rows: [] };
    const together = census.flatMap((one) => one.together ?? []);
    if (together.length > listing.limit) return this.#candidates(terms, knownRows(together, resource));
    if (rarest && rarest.rows < few) return this.#walk(terms, rarest.stream);
    const ordered = census.find(({ stream }) => stream.ordered)?.stream;
    const walked = ordered ?? wholeTable(resource, terms);
    // So few rows never fill a page as long, nor one that comparing the beginnings has not filled.
    const isVain = inOrder && (listing.limit >= TRIED || (exact && isWithin(census, listing.sort.mode)));
    const begin = isVain ? undefined : await (inOrder ? this.#walk(terms, walked, TRIED) : this.#try());
    if (begin?.after) return begin;
    // One mark alone finds no less than its own stream, which is known to be long.
    const single = this.#marks.size <= ((inOrder ? ordered : rarest) ? 1 : 0);
    const page = single ? undefined : await this.#intersect(terms, inOrder);
    return page ?? (inOrder ? this.#walk(terms, walked) : this.#page(scanQuery(resource, listing)));
  }

  /** Whether what is in all of these streams is the page, and they have its order. */
  #sayAll(streams: readonly Stream[]): boolean {
    const { conditions, where = [] } = this.listing;
    const inOrder = streams.every(({ ordered }) => ordered);
    return streams.length > 1 && inOrder && where.length === 0 && conditions.every(hasStream);
  }

  /** The streams, the rarest first; if what is in all of them is the page, with what they have together. */
  async #survey(
    terms: TermIndex,
    streams: readonly Stream[],
    most: number,
    exact: boolean,
  ): Promise<Counted[]> {
    if (streams.length === 0) return [];
    const { resource, listing } = this;
    const limit = listing.limit + 1;
    const together = { within: Math.max(COMPARED, COMPARED_EACH * limit), limit };
    const scope = { most, ...(exact && { together }) };
    const census = await this.tx.run<Census>(censusQuery(resource, terms, listing, streams, scope));
    return census
      .sort(byRarity(listing.sort.mode))
      .flatMap((one) => streams.slice(one.stream, one.stream + 1).map((stream) => ({ ...one, stream })));
  }

  /** The page, if it is full, out of the first rows in the order of the sort; not where no index has that order. */
  async #try(): Promise<Page<Row> | undefined> {
    const { resource, listing } = this;
    if (!isIndexedSort(resource, listing.sort)) return undefined;
    return this.#page(scanQuery(resource, listing, SORTED));
  }

  #walk(terms: TermIndex, stream: Stream, most?: number): Promise<Page<Row>> {
    return this.#from(streamSource(this.resource, terms, this.listing, stream, most));
  }

  /** The page of the rows with all marks; undefined where they are too many to be fetched, and to be sorted. */
  async #intersect(terms: TermIndex, inOrder: boolean): Promise<Page<Row> | undefined> {
    const { resource, listing } = this;
    const marks = [...this.#marks];
    if (!resource.matches) return undefined;
    if (inOrder && this.#allMarked) {
      return this.#candidates(terms, markedRows(resource.matches, listing, marks));
    }
    const matches = await this.tx.run<Match>(matchQuery(terms, resource.matches, marks, SORTED));
    if (matches.length === 0) return { rows: [] };
    if (matches.length === SORTED) return undefined;
    const ids = matches.map(({ id }) => id);
    return this.#from(idsSource(ids, resource));
  }

  /** The page of rows that are known to be the next ones in order. */
  async #candidates(terms: TermIndex, candidates: Candidates): Promise<Page<Row>> {
    const { tx, resource, listing } = this;
    const found = await tx.run<Candidate<Row>>(candidatesQuery(resource, terms, listing, candidates));
    // What no longer has the values, or never had them, is left out; the next page continues all the same.
    const after = found.length > listing.limit ? found[listing.limit - 1]?.page_key : undefined;
    const rows = found.flatMap(({ is_listed: isListed, ...row }) =>
      isListed ? [withoutKey(row as unknown as Keyed<Row>)] : [],
    );
    return { rows, ...(after && { after }) };
  }

  #from(source: RowSource): Promise<Page<Row>> {
    return this.#page(sourceQuery(this.resource, this.listing, source));
  }

  async #page(query: SqlQuery): Promise<Page<Row>> {
    const { limit } = this.listing;
    const found = await this.tx.run<Keyed<Row>>(query);
    const rows = found.slice(0, limit);
    const after = found.length > limit ? rows.at(-1)?.page_key : undefined;
    return { rows: rows.map(withoutKey), ...(after && { after }) };
  }
}

/** Whether the counted rows of the rarest stream lie in the beginnings of the others, so that fetching them finds no more. */
const isWithin = ([rarest, ...others]: readonly Counted[], mode: SortMode): boolean =>
  others.every(({ end }) => {
    if (end === null || typeof rarest?.reach !== 'string') return false;
    return mode === 'asc' ? rarest.reach <= end : rarest.reach >= end;
  });

const withoutKey = <Row>({ page_key: _, ...row }: Keyed<Row>): Row => row as unknown as Row;
