import { describe, expect, it } from 'vitest';
import { requireVersion } from './if-match.js';

describe('requireVersion', () => {
  it.each([undefined, '*', '"3"', '"1", "3"', ' "3" '])('lets %j pass at version 3', (header) => {
    expect(() => requireVersion(header, 3)).not.toThrow();
  });

  it.each(['"2"', 'W/"3"', '"1","2"', '"33"'])('answers stale_version to %j at version 3', (header) => {
    expect(() => requireVersion(header, 3)).toThrowError(
      expect.objectContaining({ code: 'stale_version' }) as Error,
    );
  });

  it.each(['3', '"3', 'W/3', ''])('answers malformed_request to %j', (header) => {
    expect(() => requireVersion(header, 3)).toThrowError(
      expect.objectContaining({ code: 'malformed_request' }) as Error,
    );
  });
});
