import { AppError } from '#kernel';
import type { Condition } from './condition.js';
import type { FilterField, FilterFields } from './filter-field.js';
import { FILTER_LIMITS } from './filter-limits.js';
import { NUMBER_EXPECTED, isNumberLiteral, utcDate } from './literals.js';
import { OPERATORS, operatorNames, type OperandKind, type Operator } from './operators.js';
import { Tokenizer, type NameToken } from './tokenizer.js';

const UNSTORABLE = /[\0\p{Cs}]/u;

/** A piece of the caller's own syntax, short and on one line. */
const quote = (syntax: string): string => JSON.stringify([...syntax].slice(0, 64).join(''));

/**
 * Parses the filter parameters of a request, all of which must hold. The language is described in
 * docs/FILTERS.md. Throws `invalid_filter`, saying where and what was expected, and nothing else.
 */
export function parseFilter(inputs: readonly string[], fields: FilterFields): Condition[] {
  checkBounds(inputs);
  const conditions: Condition[] = [];
  for (const [index, input] of inputs.entries()) {
    const tokens = new Tokenizer(input, inputs.length > 1 ? index + 1 : undefined);
    do {
      if (conditions.length === FILTER_LIMITS.conditions) {
        throw tokens.fault(tokens.offset, `expected at most ${FILTER_LIMITS.conditions} conditions`);
      }
      conditions.push(parseCondition(tokens, fields));
    } while (tokens.separator());
  }
  return conditions;
}

/** Parses `field` or `field.member.member`. Undefined when `text` is nothing of the kind. */
export function parseFieldPath(text: string): { name: string; path: string[] } | undefined {
  const tokens = new Tokenizer(text);
  try {
    const [name, ...members] = tokens.names();
    if (!tokens.done || UNSTORABLE.test(text) || members.length > FILTER_LIMITS.pathDepth) return undefined;
    return { name: name.text, path: members.map((member) => member.text) };
  } catch {
    return undefined;
  }
}

function checkBounds(inputs: readonly string[]): void {
  const characters = inputs.reduce((sum, input) => sum + input.length, 0);
  if (inputs.length > FILTER_LIMITS.conditions || characters > FILTER_LIMITS.characters) {
    throw new AppError('invalid_filter', {
      detail: `Filters have at most ${FILTER_LIMITS.conditions} conditions and ${FILTER_LIMITS.characters} characters together.`,
    });
  }
  if (inputs.some((input) => UNSTORABLE.test(input))) {
    throw new AppError('invalid_filter', {
      detail: 'A filter has no U+0000 and no unpaired surrogate in it.',
    });
  }
}

function parseCondition(tokens: Tokenizer, fields: FilterFields): Condition {
  const start = tokens.offset;
  const [name, ...members] = tokens.names();
  const field = findField(tokens, fields, name, members);
  const target = tokens.textFrom(start);
  const operator = findOperator(tokens, name, field, members);
  const valueStart = tokens.offset;
  const operand = readOperand(tokens, operator.operand);
  const text = `${target}[${operator.name}]${tokens.textFrom(valueStart)}`;
  return { field, path: members.map((member) => member.text), operator: operator.name, operand, text };
}

function findField(
  tokens: Tokenizer,
  fields: FilterFields,
  name: NameToken,
  members: NameToken[],
): FilterField {
  const field = Object.hasOwn(fields, name.text) ? fields[name.text] : undefined;
  if (!field) {
    const known = Object.keys(fields).sort().join(', ');
    throw tokens.fault(name.at, `unknown field ${quote(name.text)}; expected one of ${known}`);
  }
  if (members[0] && field.kind !== 'json') {
    throw tokens.fault(
      members[0].at,
      `field ${quote(name.text)} has no members; expected "[" and an operator`,
    );
  }
  const tooDeep = members[FILTER_LIMITS.pathDepth];
  if (tooDeep)
    throw tokens.fault(tooDeep.at, `expected at most ${FILTER_LIMITS.pathDepth} members in a path`);
  return field;
}

function findOperator(
  tokens: Tokenizer,
  name: NameToken,
  field: FilterField,
  members: NameToken[],
): Operator {
  const token = tokens.operator();
  const operators = OPERATORS[members.length > 0 ? 'member' : field.kind];
  const operator = operators.get(token.text.toLowerCase());
  if (operator) return operator;
  const subject = members.length > 0 ? `a member of ${quote(name.text)}` : `field ${quote(name.text)}`;
  const hint = members.length === 0 && field.kind === 'json' ? ', or a member after the field' : '';
  throw tokens.fault(
    token.at,
    `unknown operator ${quote(token.text)} for ${subject}; expected one of ${operatorNames(operators)}${hint}`,
  );
}

function readOperand(tokens: Tokenizer, kind: OperandKind): string[] {
  if (kind === 'texts') return tokens.values();
  if (kind === 'jsonpath') return [tokens.jsonPath()];
  const at = tokens.offset;
  if (kind === 'presence') {
    const value = tokens.rest() || 'true';
    if (value === 'true' || value === 'false') return [value];
    throw tokens.fault(at, 'expected nothing, true or false');
  }
  const value = tokens.value();
  if (kind === 'number' && !isNumberLiteral(value)) throw tokens.fault(at, NUMBER_EXPECTED);
  if (kind === 'boolean' && value !== 'true' && value !== 'false') {
    throw tokens.fault(at, 'expected true or false');
  }
  if (kind !== 'date') return [value];
  const date = utcDate(value);
  if (!date) throw tokens.fault(at, 'expected a date, RFC 3339 or YYYY-MM-DD');
  return [date];
}
