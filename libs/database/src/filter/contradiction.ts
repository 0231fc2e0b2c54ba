import type { Condition } from './condition.js';
import type { FilterField } from './filter-field.js';

/** Whether conditions ask one text field for two values at once: no row meets them, and none need be looked at. */
export function areContradictory(conditions: readonly Condition[]): boolean {
  const asked = new Map<FilterField, string | undefined>();
  return conditions.some(({ field, operator, operand: [value] }) => {
    if (field.kind !== 'string' || operator !== 'eq') return false;
    const another = asked.has(field) && asked.get(field) !== value;
    asked.set(field, value);
    return another;
  });
}
