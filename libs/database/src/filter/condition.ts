import type { FilterField } from './filter-field.js';
import type { OperatorName } from './operators.js';

/** One parsed expression of a filter. */
export interface Condition {
  readonly field: FilterField;
  /** Member names below a JSON field; empty for every other field. */
  readonly path: readonly string[];
  readonly operator: OperatorName;
  /**
   * The checked operand: one value, or the elements of a list. Numbers are JSON number literals, dates
   * UTC (RFC 3339), booleans and presence `true` or `false`.
   */
  readonly operand: readonly string[];
  /** The expression with the operator's canonical name. Parses to the same condition and is never longer. */
  readonly text: string;
}
