import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excessOf } from './json-bounds.js';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const list = (length: number): string => `[${Array.from({ length }, () => '1').join()}]`;

describe('the bounds of a JSON body', () => {
  it('are 100 levels, 200 outer members and 20,000 values', () => {
    expect(excessOf(nested(100))).toBeUndefined();
    expect(excessOf(nested(101))).toBe('is nested deeper than 100 levels');
    expect(excessOf(list(200))).toBeUndefined();
    expect(excessOf(list(201))).toBe('has more than 200 members');
    expect(excessOf(`[${list(19_998)}]`)).toBeUndefined();
    expect(excessOf(`[${list(19_999)}]`)).toBe('has more than 20000 values');
  });

  it('hold for a text that never closes what it opens, and for one that closes too much', () => {
    expect(excessOf('['.repeat(1_000_000))).toBe('is nested deeper than 100 levels');
    expect(excessOf('{}'.repeat(500_000))).toBe('has more than 20000 values');
    expect(excessOf(']'.repeat(1_000_000))).toBeUndefined();
    expect(excessOf('"'.repeat(1_000_001))).toBeUndefined();
  });

  it('count nothing that stands in a string', () => {
    const quotes = fc.constantFrom('[', ']', '{', '}', ',', '"', '\\', '\\"', '"[', 'a');
    const text = fc.array(quotes, { maxLength: 300 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (key, value) => {
        const json = JSON.stringify({ [key]: value, after: '['.repeat(500) });
        expect(excessOf(json)).toBeUndefined();
        expect(excessOf(`${json.slice(0, -1)},"deep":${nested(100)}}`)).toBe(
          'is nested deeper than 100 levels',
        );
      }),
    );
  });

  it('let every document pass that is within them', () => {
    const document = fc.json({ maxDepth: 8 });
    fc.assert(fc.property(document, (json) => excessOf(json) === undefined));
  });

  it('are looked at without going over a string of backslashes again and again', () => {
    expect(excessOf(`["${'\\\\'.repeat(300_000)}",${nested(100)}]`)).toBe('is nested deeper than 100 levels');
    expect(excessOf(`["${'\\"'.repeat(300_000)}"]`)).toBeUndefined();
  });
});
