import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIdempotencyKey } from './idempotency-key.js';

const printable = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 255,
});
const quoted = (key: string): string => `"${key.replace(/["\\]/g, '\\$&')}"`;

describe('parseIdempotencyKey', () => {
  it('takes any printable text in quotes', () => {
    fc.assert(fc.property(printable, (key) => parseIdempotencyKey(quoted(key)) === key));
  });

  it('takes it bare exactly where it has no space, quote, comma, semicolon or backslash', () => {
    fc.assert(
      fc.property(printable, (key) => {
        const isBare = !/[ ",;\\]/.test(key);
        // What begins and ends with a quote is a quoted key.
        fc.pre(!key.startsWith('"'));
        return parseIdempotencyKey(key) === (isBare ? key : undefined);
      }),
    );
  });

  it.each([
    ['a UUID', '8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['a quoted UUID, which is the same key', '"8e03978e-40d5"', '8e03978e-40d5'],
    ['escapes', String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    ['255 characters', 'k'.repeat(255), 'k'.repeat(255)],
    ['255 characters in quotes', `"${'k'.repeat(255)}"`, 'k'.repeat(255)],
  ])('takes %s', (_, text, key) => {
    expect(parseIdempotencyKey(text)).toBe(key);
  });

  it.each([
    ['nothing', ''],
    ['nothing in quotes', '""'],
    ['256 characters', 'k'.repeat(256)],
    ['256 characters in quotes', `"${'k'.repeat(256)}"`],
    ['two keys', 'a, b'],
    ['two quoted keys', '"a", "b"'],
    ['a parameter', '"a";b=1'],
    ['a quote that does not end', '"a'],
    ['a quote that does not begin', 'a"'],
    ['a quote amid', 'a"b'],
    ['an escape of what needs none', String.raw`"a\b"`],
    ['a backslash at the end', '"a\\"'],
    ['a space', 'a b'],
    ['a tab', '"a\tb"'],
    ['a control character', '"a\u0001"'],
    ['DEL', 'a\u007f'],
    ['what is not ASCII', 'clé'],
    ['a line break', 'a\n'],
  ])('refuses %s', (_, text) => {
    expect(parseIdempotencyKey(text)).toBeUndefined();
  });
});
