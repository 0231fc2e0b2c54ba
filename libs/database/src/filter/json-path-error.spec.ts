import { describe, expect, it } from 'vitest';
import { isBadJsonPathError } from './json-path-error.js';

describe('isBadJsonPathError', () => {
  it.each([{ code: '42601' }, { code: '22P02' }, { code: '2201B' }, { code: '42704' }, { code: '0A000' }])(
    'knows %j',
    (error) => {
      expect(isBadJsonPathError(error)).toBe(true);
      expect(isBadJsonPathError({ driverError: error })).toBe(true);
    },
  );

  it.each([
    { code: '42601', position: '8' },
    { code: '57014' },
    { code: '42501' },
    {},
    undefined,
    null,
    new Error('x'),
  ])('leaves %j alone', (error) => {
    expect(isBadJsonPathError(error)).toBe(false);
  });
});
