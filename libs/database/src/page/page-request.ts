import { AppError, invalidMember } from '#kernel';
import type { Condition } from '../filter/condition.js';
import type { ListResource } from '../filter/list-resource.js';
import { parseFilter } from '../filter/parser.js';
import { findSort, sortKeyLength, type Sort, type SortMode } from '../filter/sort-key.js';
import type { BookmarkState } from './bookmark.js';

/** The query parameters of a listing, as a query string parser gives them. */
export interface PageQuery {
  readonly limit?: unknown;
  readonly page_size?: unknown;
  readonly bookmark?: unknown;
  readonly filter?: unknown;
  readonly sort_by?: unknown;
  readonly sort_mode?: unknown;
}

/** A checked listing request: of `Listing`, all but whose rows they are. */
export interface PageRequest {
  readonly conditions: readonly Condition[];
  readonly sortBy: string;
  readonly sort: Sort;
  readonly limit: number;
  readonly after?: readonly string[];
}

export const PAGE_LIMITS = Object.freeze({ min: 1, max: 200, default: 25 });

/**
 * Checks the parameters and fills in what the bookmark or the defaults say. With a bookmark, absent
 * parameters are the bookmark's and present ones must equal them; only the limit may change.
 * `open` decodes a bookmark. Throws `validation_failed`, `invalid_filter` or `invalid_bookmark`.
 */
export function resolvePage(
  query: PageQuery,
  resource: ListResource,
  open: (bookmark: string) => BookmarkState,
): PageRequest {
  const limit = readLimit(query);
  const conditions = parseFilter(readFilters(query.filter), resource.fields);
  const sortBy = single('sort_by', query.sort_by);
  const sortMode = readSortMode(query.sort_mode);
  const sort = findSort(resource, sortBy ?? resource.defaultSort, sortMode ?? 'asc');
  if (!sort) throw unknownSort(sortBy ?? '', resource);
  const bookmark = single('bookmark', query.bookmark);
  if (bookmark === undefined) {
    return { conditions, sortBy: sortBy ?? resource.defaultSort, sort, limit: limit ?? PAGE_LIMITS.default };
  }
  const state = open(bookmark);
  const filters = query.filter === undefined ? undefined : texts(conditions);
  if (
    (sortBy ?? state.sortBy) !== state.sortBy ||
    (sortMode ?? state.sortMode) !== state.sortMode ||
    (filters && JSON.stringify(filters) !== JSON.stringify(state.filters))
  ) {
    throw refused('The bookmark is of a listing with another filter or sort.');
  }
  return { ...resumed(state, resource), limit: limit ?? state.limit };
}

/** What a bookmark holds to continue `request` after the row with the sort key `after`. */
export const bookmarkState = (request: PageRequest, after: readonly string[]): BookmarkState => ({
  filters: texts(request.conditions),
  sortBy: request.sortBy,
  sortMode: request.sort.mode,
  limit: request.limit,
  after,
});

const texts = (conditions: readonly Condition[]): string[] => conditions.map(({ text }) => text);

/** A bookmark of an older release may name what this one no longer knows. */
function resumed(state: BookmarkState, resource: ListResource): PageRequest {
  const sort = findSort(resource, state.sortBy, state.sortMode);
  if (!sort || sortKeyLength(resource, sort) !== state.after.length) throw refused();
  try {
    const conditions = parseFilter(state.filters, resource.fields);
    return { conditions, sortBy: state.sortBy, sort, limit: state.limit, after: state.after };
  } catch (cause) {
    throw refused(undefined, cause);
  }
}

function readLimit(query: PageQuery): number | undefined {
  const limit = count('limit', query.limit);
  const pageSize = count('page_size', query.page_size);
  if (limit !== undefined && pageSize !== undefined && limit !== pageSize) {
    throw invalidMember('page_size', 'is another name of limit and has another value');
  }
  return limit ?? pageSize;
}

function count(name: string, value: unknown): number | undefined {
  const text = single(name, value);
  if (text === undefined) return undefined;
  const number = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0;
  if (number < PAGE_LIMITS.min || number > PAGE_LIMITS.max) {
    throw invalidMember(name, `must be an integer from ${PAGE_LIMITS.min} to ${PAGE_LIMITS.max}`);
  }
  return number;
}

function readFilters(value: unknown): string[] {
  const values: unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value];
  if (values.every((item) => typeof item === 'string')) return values;
  throw invalidMember('filter', 'must be text');
}

function readSortMode(value: unknown): SortMode | undefined {
  const mode = single('sort_mode', value);
  if (mode === undefined || mode === 'asc' || mode === 'desc') return mode;
  throw invalidMember('sort_mode', 'must be asc or desc');
}

function single(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw invalidMember(name, 'must be given once');
}

function unknownSort(sortBy: string, resource: ListResource): AppError {
  const names = Object.entries(resource.sorts).map(([name, { type }]) =>
    type === 'jsonb' ? `${name}.<member>` : name,
  );
  const given = JSON.stringify([...sortBy].slice(0, 64).join(''));
  return invalidMember('sort_by', `must be one of ${names.join(', ')}, not ${given}`);
}

const refused = (detail?: string, cause?: unknown): AppError =>
  new AppError('invalid_bookmark', { ...(detail && { detail }), cause });
