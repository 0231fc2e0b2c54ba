import { memberNumber, memberOf, scalarText } from './json-tests.js';
import type { ListResource, SortColumn } from './list-resource.js';
import type { Bind } from './parameters.js';
import { parseFieldPath } from './parser.js';

export type SortMode = 'asc' | 'desc';

/** What a listing is sorted by: a name in the resource's `sorts` and, for JSON, the member's path. */
export interface Sort {
  readonly name: string;
  readonly path: readonly string[];
  readonly mode: SortMode;
}

/** Columns compared as one row; the last one is unique, so the order is total. */
export type SortKey = readonly { readonly sql: string; readonly type: SortColumn['type'] | 'numeric' }[];

/** Longest part of a JSON string that is sorted by, in characters: it travels in bookmarks. */
const SORTED_CHARACTERS = 256;

/** Finds the sort that `sortBy` names. Undefined when the resource has none such. */
export function findSort(resource: ListResource, sortBy: string, mode: SortMode): Sort | undefined {
  const target = parseFieldPath(sortBy);
  if (!target || !Object.hasOwn(resource.sorts, target.name)) return undefined;
  const isMember = target.path.length > 0;
  return isMember === (resource.sorts[target.name]?.type === 'jsonb') ? { ...target, mode } : undefined;
}

/** How many values `sortKey` has for this sort. */
export const sortKeyLength = (resource: ListResource, sort: Sort): number =>
  sortKey(resource, sort, () => '').length;

/**
 * The row that a listing is ordered by and continued after. Members of JSON compare as (rank, number, text):
 * numbers before other scalars, and what is missing last in either direction.
 */
export function sortKey(resource: ListResource, sort: Sort, bind: Bind): SortKey {
  const id = { sql: textOrder(resource.id), type: resource.id.type };
  const column = resource.sorts[sort.name];
  if (!column || column.column === resource.id.column) return [id];
  if (column.type !== 'jsonb') return [{ sql: textOrder(column), type: column.type }, id];
  const member = memberOf(column.column, sort.path, bind);
  const missing = sort.mode === 'asc' ? 2 : -1;
  return [
    {
      sql: `(CASE jsonb_typeof(${member}) WHEN 'number' THEN 0 WHEN 'string' THEN 1 WHEN 'boolean' THEN 1 ELSE ${missing} END)`,
      type: 'integer',
    },
    { sql: `COALESCE(${memberNumber(member)}, 0)`, type: 'numeric' },
    {
      sql: `(CASE WHEN jsonb_typeof(${member}) = 'number' THEN '' ELSE COALESCE(left(${scalarText(member)}, ${SORTED_CHARACTERS}), '') END COLLATE "C")`,
      type: 'text',
    },
    id,
  ];
}

const textOrder = ({ column, type }: SortColumn): string =>
  type === 'text' ? `${column} COLLATE "C"` : column;
