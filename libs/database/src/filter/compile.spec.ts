import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileConditions } from './compile.js';
import { OPERATORS } from './operators.js';
import { Parameters } from './parameters.js';
import { parseFilter } from './parser.js';
import { FIELDS } from './testing/fields.js';

const compile = (filter: string): { text: string; values: unknown[] } => {
  const { bind, values } = new Parameters();
  return { text: compileConditions(parseFilter([filter], FIELDS), bind), values };
};

const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

describe('compileConditions', () => {
  it('is true for no condition', () => {
    expect(compileConditions([], () => '$1')).toBe('true');
  });

  it('joins conditions with AND and numbers their parameters in order', () => {
    expect(compile('name[eq]a;size[gt]5')).toEqual({
      text: '((k.name) COLLATE "C" = $1::text) AND (k.size > $2::numeric)',
      values: ['a', '5'],
    });
  });

  it('writes no value and no member name into the statement, whatever they are', () => {
    const names = [
      ...new Set(
        [...OPERATORS.member.entries()].flatMap(([name, row]) => (row.operand === 'text' ? [name] : [])),
      ),
    ];
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(fc.constantFrom(...names), text, text, (operator, member, value) => {
        const plain = compile(`metadata."m"[${operator}]"v";name[${operator}]"v"`);
        const hostile = compile(
          `metadata.${quoted(member)}[${operator}]${quoted(`v${value}`)};name[${operator}]${quoted(`v${value}`)}`,
        );
        // A value that is a number adds one comparison, so only values that are none are made here.
        expect(hostile.text).toBe(plain.text);
        expect(hostile.values).toContain(member);
        expect(hostile.values).toContain(`v${value}`);
      }),
    );
  });

  it.each([
    'name[ne]a',
    'name[nc]a',
    'name[nin]a,b',
    'metadata.a[ne_ic]a',
    'tags[nc]a',
    'size[ne]1',
    'has_private_key[ne]true',
  ])('holds %s for missing values too', (filter) => {
    expect(compile(filter).text).toMatch(/^\(.*\) IS NOT TRUE$/);
  });
});
