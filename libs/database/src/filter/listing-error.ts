import { AppError } from '#kernel';
import { isNumberOutOfRange, isStatementTimeout } from '../pg-errors.js';
import type { Condition } from './condition.js';
import { isBadJsonPathError } from './json-path-error.js';

/**
 * What a failed statement with these conditions means to the caller: `filter_too_costly` when it ran out of
 * time, `invalid_filter` when PostgreSQL refused a path or a number in it; every other error comes back unchanged.
 */
export function listingError(error: unknown, conditions: readonly Condition[]): unknown {
  if (isStatementTimeout(error)) {
    return tooCostly(error);
  }
  if (conditions.some(({ operator }) => operator === 'jsonpath') && isBadJsonPathError(error)) {
    return new AppError('invalid_filter', {
      detail: 'PostgreSQL does not accept the SQL/JSON path of operator jsonpath.',
      cause: error,
    });
  }
  if (conditions.length > 0 && isNumberOutOfRange(error)) {
    return new AppError('invalid_filter', {
      detail: 'A number in the filter is beyond the range of numbers.',
      cause: error,
    });
  }
  return error;
}

/** The listing's time is spent. */
export const tooCostly = (cause?: unknown): AppError =>
  new AppError('filter_too_costly', {
    detail: 'The listing took longer than it may. Narrow the filter, or sort by something else.',
    cause,
  });
