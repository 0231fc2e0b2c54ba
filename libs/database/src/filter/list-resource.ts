import type { FilterFields } from './filter-field.js';

/** A sortable column: a trusted SQL expression that is never NULL, and its type. */
export interface SortColumn {
  readonly column: string;
  readonly type: 'text' | 'timestamptz' | 'integer' | 'bigint';
  /** Whether an index has the rows of a tenant in the order of this column, then of the id. */
  readonly indexed?: boolean;
}

/** A JSON object whose members can be sorted by. */
export interface SortMembers {
  readonly column: string;
  readonly type: 'jsonb';
}

/**
 * An index table with a row (tenant, term, sort column, id) for each term of each listed row, in that order
 * in its primary key. Equality on text is LEAKPROOF, so its key serves under row-level security too.
 */
export interface TermIndex {
  readonly table: string;
  readonly termColumn: string;
  readonly sortColumn: string;
  readonly idColumn: string;
  /** The name in `ListResource.sorts` that `sortColumn` copies. */
  readonly sort: string;
}

/**
 * A function of the database that finds the rows with all given marks, whatever their number: (marks, position to
 * continue after or NULLs, whether descending or NULL for any order, limit) → rows of (sort column, id) as `TermIndex`
 * names them.
 */
export interface Intersection {
  readonly name: string;
}

/** What can be listed, filtered and sorted. All SQL in it is trusted. */
export interface ListResource {
  /** Table and alias, e.g. `kms_key k`. */
  readonly from: string;
  /** The tenant column of the table, with its alias; a term index has one of the same name. */
  readonly tenantColumn: string;
  /** A trusted condition that every listed row meets, as it stands in the predicates of partial indexes. */
  readonly listed?: string;
  /** The select list. */
  readonly columns: string;
  /** Unique within a tenant; breaks ties of every sort. */
  readonly id: SortColumn;
  readonly fields: FilterFields;
  readonly sorts: Readonly<Record<string, SortColumn | SortMembers>>;
  readonly defaultSort: string;
  readonly terms?: TermIndex;
  readonly matches?: Intersection;
}
