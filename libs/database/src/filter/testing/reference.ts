import type { Condition } from '../condition.js';
import type { KeyRow } from './key-database.js';

const NEGATIVE: Readonly<Record<string, string>> = { ne: 'eq', nc: 'ct', nin: 'in' };

/** What the filter language means, said once more in JavaScript: whether `key` meets `condition`. */
export function meets(key: KeyRow, condition: Condition): boolean {
  const [plain = '', ignoreCase] = condition.operator.split('_');
  const positive = NEGATIVE[plain];
  const found = meetsPositive(key, condition, positive ?? plain, ignoreCase !== undefined);
  return positive ? !found : found;
}

function meetsPositive(key: KeyRow, condition: Condition, operator: string, ignoreCase: boolean): boolean {
  const { field, path, operand, text } = condition;
  const fold = (value: string): string => (ignoreCase ? value.toLowerCase() : value);
  const first = operand[0]!;
  const test = (value: string): boolean =>
    operator === 'ct'
      ? fold(value).includes(fold(first))
      : operand.some((element) => fold(value) === fold(element));
  const value: unknown = key[/^\w+/.exec(text)![0] as keyof KeyRow];
  if (field.kind === 'list') return (value as string[]).some((element) => fold(element) === fold(first));
  if (field.kind === 'json') return meetsMember(memberAt(value, path), operator, operand, test);
  if (value === null) return false;
  if (field.kind === 'number') return compare(operator, Number(value), Number(first));
  if (field.kind === 'date') return compare(operator, Date.parse(String(value)), Date.parse(first));
  return test(String(value));
}

function meetsMember(
  member: unknown,
  operator: string,
  operand: readonly string[],
  test: (text: string) => boolean,
): boolean {
  const first = operand[0]!;
  if (operator === 'exists') return (member !== undefined) === (first === 'true');
  if (['lt', 'le', 'gt', 'ge'].includes(operator)) {
    return typeof member === 'number' && compare(operator, member, Number(first));
  }
  if (
    typeof member === 'number' &&
    operator !== 'ct' &&
    operand.some((text) => text && Number(text) === member)
  ) {
    return true;
  }
  if (typeof member === 'number') return test(decimal(member));
  return (typeof member === 'string' || typeof member === 'boolean') && test(String(member));
}

/** PostgreSQL spells numbers without exponents. */
const decimal = (value: number): string =>
  value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 });

/** Own members of objects only: no path leads through an array. */
const memberAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && !Array.isArray(at) && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    value,
  );

function compare(operator: string, left: number, right: number): boolean {
  switch (operator) {
    case 'eq':
      return left === right;
    case 'lt':
    case 'bf':
      return left < right;
    case 'le':
      return left <= right;
    case 'gt':
    case 'af':
      return left > right;
    default:
      return left >= right;
  }
}
