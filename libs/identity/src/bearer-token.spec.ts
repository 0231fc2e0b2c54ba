import { describe, expect, it } from 'vitest';
import { findBearerToken } from './bearer-token.js';

describe('findBearerToken', () => {
  it.each(['Bearer abc', 'bearer abc', 'BEARER abc', 'bEaReR   abc', 'Bearer abc '])(
    'reads the token of %j',
    (header) => {
      expect(findBearerToken(header)).toBe('abc');
    },
  );

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer    ',
    'Basic abc',
    'Bearerabc',
    'abc',
    'Bearer\tabc',
    ' Bearer abc',
  ])('finds none in %j', (header) => {
    expect(findBearerToken(header)).toBeUndefined();
  });
});
