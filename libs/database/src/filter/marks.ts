import type { Condition } from './condition.js';
import { isNumberSyntax } from './literals.js';

/**
 * What the rows meeting `condition` are marked with, if it is an equality of a marked field. Rows with the mark may
 * yet not meet it, because marks are hashed: it is tried again on each of them. The texts are those that the
 * database's `key_marks()` makes of a row. Numbers have one in their plainest spelling only (`5`, not `5.0`, `1e2`).
 */
export function conditionMark(condition: Condition): string | undefined {
  const { field, path, operator } = condition;
  if (field.mark === undefined || operator !== (field.kind === 'list' ? 'ct' : 'eq')) return undefined;
  const value = plainSpelling(condition);
  if (value === undefined) return undefined;
  return `${field.mark}:${field.kind === 'json' ? `${path.map(counted).join('')}=${value}` : value}`;
}

/**
 * How marks spell every value that the condition's operand is equal to; undefined for a number that is not in its
 * plainest spelling itself, and for dates.
 */
export function plainSpelling({ field, operand: [value = ''] }: Condition): string | undefined {
  if (field.kind === 'date') return undefined;
  const isNumber = field.kind === 'number' || (field.kind === 'json' && isNumberSyntax(value));
  return isNumber && !isPlain(value) ? undefined : value;
}

/** A name after its length in characters, so that no two paths read the same. */
const counted = (name: string): string => `${[...name].length}:${name}`;

const isPlain = (number: string): boolean => String(Number(number)) === number && !number.includes('e');
