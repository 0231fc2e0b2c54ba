/**
 * A field that a filter may name. `column` is a trusted SQL expression of the listing's table (a correlated
 * subquery is allowed) and may be NULL: a missing value matches negative operators and no other.
 */
export type FilterField = ScalarField | ListField | JsonField;

interface Marked {
  /** What the marks of its values begin with, where equality with them can be intersected (`Intersection`). */
  readonly mark?: string;
}

interface ScalarField extends Marked {
  readonly kind: 'string' | 'number' | 'date' | 'boolean';
  readonly column: string;
  /**
   * An index of the table leads from the tenant and one value to its rows: in the order of the resource's default
   * sort, or in another one.
   */
  readonly index?: 'ordered' | 'unordered';
}

/** An array of strings (`text[]`). */
interface ListField extends Marked {
  readonly kind: 'list';
  readonly column: string;
  /** The term that exactly the rows with this element have in the term index. */
  readonly term?: (element: string) => string;
}

/** A JSON object (`jsonb`), filtered by its members or as a whole. */
interface JsonField extends Marked {
  readonly kind: 'json';
  readonly column: string;
  /** The term that exactly the rows with this scalar at this path have in the term index. */
  readonly term?: (path: readonly string[], value: string) => string;
}

export type FilterKind = FilterField['kind'];

/** Fields by name. Only own members count, so no inherited name is ever a field. */
export type FilterFields = Readonly<Record<string, FilterField>>;
