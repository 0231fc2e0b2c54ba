import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from './parser.js';
import { aliasTerm, conditionTerm, metadataTerm, metadataTerms, tagTerm } from './terms.js';
import { FIELDS } from './testing/fields.js';

const hash = (text: string): string => `hash of ${text.length}`;

describe('terms', () => {
  it('keeps tags, aliases and metadata apart', () => {
    const all = [tagTerm('a'), aliasTerm('a'), metadataTerm(['a'], 'a', hash), metadataTerm([], 'a', hash)];
    expect(new Set(all).size).toBe(all.length);
  });

  it('has one term for one path and text, whatever characters they have', () => {
    const part = fc.string({ unit: 'grapheme', maxLength: 6 });
    const scalar = fc.tuple(fc.array(part, { maxLength: 3 }), part);
    fc.assert(
      fc.property(scalar, scalar, ([path, text], [otherPath, otherText]) => {
        const same = JSON.stringify([path, text]) === JSON.stringify([otherPath, otherText]);
        expect(metadataTerm(path, text, hash) === metadataTerm(otherPath, otherText, hash)).toBe(same);
      }),
    );
  });

  it('is at most 256 characters long, by hashing what is longer', () => {
    expect(metadataTerm(['a'], 'x'.repeat(246), hash)).toHaveLength(256);
    expect(metadataTerm(['a'], 'x'.repeat(247), hash)).toBe('h:hash of 257');
  });

  it('enumerates the scalars of objects, and nothing of arrays or null', () => {
    const metadata = {
      a: 'x',
      n: 5.0,
      big: 1e21,
      f: false,
      o: { 'b.c': 'y' },
      list: ['z', { a: 1 }],
      none: null,
    };
    expect(metadataTerms(metadata, hash)).toEqual([
      ...['m:["a","x"]', 'm:["n","5"]', 'm:["big","1e+21"]', 'm:["f","false"]', 'm:["o","b.c","y"]'],
    ]);
  });

  it('stops at the depth that a filter reaches', () => {
    const nested = (depth: number): Record<string, unknown> =>
      depth === 0 ? { x: 1 } : { a: nested(depth - 1) };
    expect(metadataTerms(nested(7), hash)).toHaveLength(1);
    expect(metadataTerms(nested(8), hash)).toHaveLength(0);
  });

  it.each([
    ['tags[ct]a', 't:a'],
    ['metadata.a.b[eq]x', 'm:a/b/x'],
    ['metadata.a[eq]5', 'm:a/5'],
    ['metadata.a[eq]1e+21', 'm:a/1e+21'],
    ['metadata.a[eq]true', 'm:a/true'],
    ['metadata.a[eq]1e+308', 'm:a/1e+308'],
  ])('serves %s', (filter, term) => {
    expect(conditionTerm(parseFilter([filter], FIELDS)[0]!)).toBe(term);
  });

  it.each([
    ...[
      'metadata.a[eq]5.0',
      'metadata.a[eq]1e999',
      `metadata.a[eq]1${'0'.repeat(300)}`,
      'metadata.a[eq]-0',
      'metadata.a[eq]1e2',
      'metadata.a[eq_ic]x',
      'metadata.a[ne]x',
    ],
    ...['tags[ct_ic]a', 'tags[nc]a', 'name[eq]a', 'metadata.a[in]x', 'metadata[jsonpath]$.a == 1'],
  ])('does not serve %s, which other rows meet too', (filter) => {
    expect(conditionTerm(parseFilter([filter], FIELDS)[0]!)).toBeUndefined();
  });

  it('serves no field without terms', () => {
    const fields = { tags: { kind: 'list', column: 'k.tags' } } as const;
    expect(conditionTerm(parseFilter(['tags[ct]a'], fields)[0]!)).toBeUndefined();
  });
});
