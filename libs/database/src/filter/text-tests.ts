import type { PlainTextOperator, TextOperator } from './operators.js';
import type { Bind } from './parameters.js';

export type PositiveTextOperator = Exclude<TextOperator, `n${string}`>;

/** Folds case by the database's own locale, whatever collation the column has. */
const fold = (text: string): string => `lower((${text}) COLLATE "default")`;

/**
 * A test of the text `subject`: false or NULL where it is NULL. Equality is by bytes (`COLLATE "C"`), which
 * is also what makes an index on the column usable; `%`, `_` and `\` mean themselves.
 */
export function textTest(
  subject: string,
  operator: PositiveTextOperator,
  operand: readonly string[],
  bind: Bind,
): string {
  const ignoreCase = operator.endsWith('_ic');
  const plain = operator.replace('_ic', '') as PlainTextOperator;
  const left = ignoreCase ? fold(subject) : `(${subject}) COLLATE "C"`;
  if (plain === 'in') {
    const elements = `${bind(operand)}::text[]`;
    return `${left} = ANY(${ignoreCase ? `ARRAY(SELECT ${fold('e')} FROM unnest(${elements}) AS e)` : elements})`;
  }
  const value = `${bind(operand[0])}::text`;
  const right = ignoreCase ? fold(value) : value;
  return plain === 'eq' ? `${left} = ${right}` : `strpos(${left}, ${right}) > 0`;
}

/** Whether any element of the `text[]` expression `list` equals the value. */
export const elementTest = (list: string, operator: 'ct' | 'ct_ic', value: string, bind: Bind): string =>
  operator === 'ct'
    ? `${bind(value)}::text = ANY(${list})`
    : `EXISTS (SELECT 1 FROM unnest(${list}) AS e WHERE ${fold('e')} = ${fold(`${bind(value)}::text`)})`;
