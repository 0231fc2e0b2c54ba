import { isNumberLiteral } from './literals.js';
import type { OrderOperator } from './operators.js';
import type { Bind } from './parameters.js';
import { textTest, type PositiveTextOperator } from './text-tests.js';

export const COMPARISON: Readonly<Record<OrderOperator, string>> = { lt: '<', le: '<=', gt: '>', ge: '>=' };

/** The member at `path`, or NULL. Arrays have no members: `->` with a text never indexes one. */
export const memberOf = (column: string, path: readonly string[], bind: Bind): string =>
  `(${[column, ...path.map((name) => `${bind(name)}::text`)].join(' -> ')})`;

/** The text of the jsonb expression `member` if it is a string, number or boolean, else NULL. */
export const scalarText = (member: string): string =>
  `CASE WHEN jsonb_typeof(${member}) IN ('string', 'number', 'boolean') THEN ${member} #>> '{}' END`;

/** The number that `member` is, else NULL. CASE keeps the cast from strings that are no numbers. */
export const memberNumber = (member: string): string =>
  `CASE WHEN jsonb_typeof(${member}) = 'number' THEN ${member}::numeric END`;

/** A test of the scalar `member` by its text; equality also finds a number that is spelt differently. */
export function memberTextTest(
  member: string,
  operator: PositiveTextOperator,
  operand: readonly string[],
  bind: Bind,
): string {
  const test = textTest(scalarText(member), operator, operand, bind);
  const numbers = operand.filter(isNumberLiteral);
  if (operator.startsWith('ct') || numbers.length === 0) return test;
  return `(${test} OR ${memberNumber(member)} = ANY(${bind(numbers)}::numeric[]))`;
}

/** A test of the number `member`; NULL where it is something else. */
export const memberNumberTest = (
  member: string,
  operator: OrderOperator,
  literal: string,
  bind: Bind,
): string => `${memberNumber(member)} ${COMPARISON[operator]} ${bind(literal)}::numeric`;

/**
 * A SQL/JSON path test. A predicate (`$.a == 1`) must be true; any other path (`$.a ? (@ > 3)`) must find
 * something. Which of the two it is, PostgreSQL's own parser says: only a predicate gives a boolean or null
 * for the empty object. Faults while evaluating (silent mode) count as not matching.
 */
export function jsonPathTest(column: string, path: string, bind: Bind): string {
  const jsonPath = `${bind(path)}::jsonpath`;
  const isPredicate = `jsonb_typeof(jsonb_path_query_first('{}', ${jsonPath}, '{}', true)) IN ('boolean', 'null')`;
  return `CASE WHEN ${isPredicate} THEN jsonb_path_match(${column}, ${jsonPath}, '{}', true) ELSE jsonb_path_exists(${column}, ${jsonPath}, '{}', true) END`;
}
