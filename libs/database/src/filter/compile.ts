import type { Condition } from './condition.js';
import { COMPARISON, jsonPathTest, memberNumberTest, memberOf, memberTextTest } from './json-tests.js';
import type { OperatorName, OrderOperator } from './operators.js';
import type { Bind } from './parameters.js';
import { elementTest, textTest, type PositiveTextOperator } from './text-tests.js';

const POSITIVE: Readonly<Partial<Record<OperatorName, OperatorName>>> = {
  ne: 'eq',
  ne_ic: 'eq_ic',
  nc: 'ct',
  nc_ic: 'ct_ic',
  nin: 'in',
  nin_ic: 'in_ic',
};

const SCALAR = { ...COMPARISON, eq: '=', bf: '<', af: '>' } as const;
const SCALAR_TYPE = { number: 'numeric', date: 'timestamptz', boolean: 'boolean' } as const;

/**
 * The conditions as one SQL expression; `true` when there are none. Operands are bound, never written into
 * the text. A negative operator holds wherever its positive one does not, so also for a missing value.
 */
export const compileConditions = (conditions: readonly Condition[], bind: Bind): string =>
  conditions.map((condition) => compileCondition(condition, bind)).join(' AND ') || 'true';

function compileCondition(condition: Condition, bind: Bind): string {
  const positive = POSITIVE[condition.operator];
  return positive
    ? `(${positiveTest(condition, positive, bind)}) IS NOT TRUE`
    : `(${positiveTest(condition, condition.operator, bind)})`;
}

function positiveTest({ field, path, operand }: Condition, operator: OperatorName, bind: Bind): string {
  const value = operand[0] ?? '';
  switch (field.kind) {
    case 'string':
      return textTest(field.column, operator as PositiveTextOperator, operand, bind);
    case 'list':
      return elementTest(field.column, operator as 'ct' | 'ct_ic', value, bind);
    case 'json':
      return operator === 'jsonpath'
        ? jsonPathTest(field.column, value, bind)
        : memberTest(memberOf(field.column, path, bind), operator, operand, bind);
    default:
      return `${field.column} ${SCALAR[operator as keyof typeof SCALAR]} ${bind(value)}::${SCALAR_TYPE[field.kind]}`;
  }
}

function memberTest(member: string, operator: OperatorName, operand: readonly string[], bind: Bind): string {
  const value = operand[0] ?? '';
  if (operator === 'exists') return `${member} IS ${value === 'true' ? 'NOT NULL' : 'NULL'}`;
  return Object.hasOwn(COMPARISON, operator)
    ? memberNumberTest(member, operator as OrderOperator, value, bind)
    : memberTextTest(member, operator as PositiveTextOperator, operand, bind);
}
