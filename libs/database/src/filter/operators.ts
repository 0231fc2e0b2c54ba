import type { FilterKind } from './filter-field.js';

/** What follows the operator. */
export type OperandKind = 'text' | 'texts' | 'number' | 'date' | 'boolean' | 'presence' | 'jsonpath';

export type PlainTextOperator = 'eq' | 'ne' | 'ct' | 'nc' | 'in' | 'nin';
export type TextOperator = PlainTextOperator | `${PlainTextOperator}_ic`;
export type OrderOperator = 'lt' | 'le' | 'gt' | 'ge';

/** Canonical operator names. No alias is shorter than the name it stands for. */
export type OperatorName = TextOperator | OrderOperator | 'bf' | 'af' | 'exists' | 'jsonpath';

export interface Operator {
  readonly name: OperatorName;
  readonly operand: OperandKind;
}

type Row = readonly [name: OperatorName, operand: OperandKind, ...aliases: string[]];

const ignoringCase = (name: PlainTextOperator, operand: OperandKind, alias: string): Row => [
  `${name}_ic`,
  operand,
  `${alias}_ic`,
  `${name}_ignorecase`,
  `${alias}_ignorecase`,
];

const bothCases = (name: PlainTextOperator, operand: OperandKind, alias: string): Row[] => [
  [name, operand, alias],
  ignoringCase(name, operand, alias),
];

const TEXT: readonly Row[] = [
  ...bothCases('eq', 'text', 'equal'),
  ...bothCases('ne', 'text', 'notequal'),
  ...bothCases('ct', 'text', 'contains'),
  ...bothCases('nc', 'text', 'notcontains'),
  ...bothCases('in', 'texts', 'in'),
  ...bothCases('nin', 'texts', 'notin'),
];

const ORDER: readonly Row[] = [
  ['lt', 'number', 'lessthan'],
  ['le', 'number', 'lessequal', 'lessorequal'],
  ['gt', 'number', 'greaterthan'],
  ['ge', 'number', 'greaterequal', 'greaterorequal'],
];

const table = (rows: readonly Row[]): ReadonlyMap<string, Operator> =>
  new Map(
    rows.flatMap(([name, operand, ...aliases]) =>
      [name, ...aliases].map((spelling): [string, Operator] => [spelling, { name, operand }]),
    ),
  );

/** Operators of each kind of field, by every spelling; `member` is a member of a JSON field. */
export const OPERATORS: Readonly<Record<FilterKind | 'member', ReadonlyMap<string, Operator>>> = {
  string: table(TEXT),
  list: table([
    ['ct', 'text', 'contains'],
    ignoringCase('ct', 'text', 'contains'),
    ['nc', 'text', 'notcontains'],
  ]),
  number: table([['eq', 'number', 'equal'], ['ne', 'number', 'notequal'], ...ORDER]),
  date: table([
    ['bf', 'date', 'before'],
    ['af', 'date', 'after'],
    ['eq', 'date', 'equal'],
  ]),
  boolean: table([
    ['eq', 'boolean', 'equal'],
    ['ne', 'boolean', 'notequal'],
  ]),
  json: table([['jsonpath', 'jsonpath']]),
  member: table([...TEXT, ...ORDER, ['exists', 'presence']]),
};

/** Canonical names of a table of operators, as listed when another was asked for. */
export const operatorNames = (operators: ReadonlyMap<string, Operator>): string =>
  [...new Set([...operators.values()].map((operator) => operator.name))].join(', ');
