import { describe, expect, it } from 'vitest';
import { AppError } from '#kernel';
import { listingError } from './listing-error.js';
import { parseFilter } from './parser.js';
import { FIELDS } from './testing/fields.js';

const plain = parseFilter(['name[eq]a'], FIELDS);
const withPath = parseFilter(['name[eq]a;metadata[jsonpath]$.a == 1'], FIELDS);

describe('listingError', () => {
  it('says filter_too_costly when the time ran out', () => {
    for (const conditions of [[], plain, withPath]) {
      expect(listingError({ code: '57014' }, conditions)).toMatchObject({ code: 'filter_too_costly' });
    }
  });

  it('says invalid_filter of a refused path, without the words of PostgreSQL', () => {
    const error = listingError(
      { driverError: { code: '42601' }, message: 'syntax error of "secret"' },
      withPath,
    );
    expect(error).toMatchObject({ code: 'invalid_filter', detail: expect.not.stringContaining('secret') });
  });

  it('says invalid_filter of a number that PostgreSQL finds out of range, where there is a filter', () => {
    const error = { driverError: { code: '22003' } };
    for (const conditions of [plain, withPath]) {
      expect(listingError(error, conditions)).toMatchObject({ code: 'invalid_filter' });
    }
    expect(listingError(error, [])).toBe(error);
  });

  it('blames no filter that has no path', () => {
    const error = { code: '22P02' };
    expect(listingError(error, plain)).toBe(error);
  });

  it('gives every other error back', () => {
    const error = new AppError('unavailable');
    expect(listingError(error, withPath)).toBe(error);
  });
});
