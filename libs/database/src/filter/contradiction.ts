import type { Condition } from './condition.js';
import { plainSpelling } from './marks.js';

/** Whether conditions ask one place for two values at once: no row meets them, and none need be looked at. */
export const areContradictory = (conditions: readonly Condition[]): boolean =>
  conditions.some((one, index) => conditions.slice(0, index).some((other) => contradicts(one, other)));

function contradicts(one: Condition, other: Condition): boolean {
  if (one.field !== other.field || one.path.join('\0') !== other.path.join('\0')) return false;
  const [value, another] = [onlyValue(one), onlyValue(other)];
  return value !== undefined && another !== undefined && value !== another;
}

/** What a field has in every row that meets the condition, or a member of metadata, which is a scalar then. */
const onlyValue = (condition: Condition): string | undefined =>
  condition.operator === 'eq' ? plainSpelling(condition) : undefined;
