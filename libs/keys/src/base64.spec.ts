import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from './base64.js';

describe('decodeBase64', () => {
  it('gives back what was encoded, in either alphabet, padded or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        const padded = buffer.toString('base64');
        for (const text of [padded, padded.replace(/=+$/, ''), buffer.toString('base64url')]) {
          expect(decodeBase64(text)?.equals(buffer)).toBe(true);
        }
      }),
    );
  });

  it.each(['a', 'ab=', 'a===', 'aGk=aGk=', 'aG k', 'aGk!', 'aG-/', '=', 'aGkä'])('refuses %j', (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });
});
