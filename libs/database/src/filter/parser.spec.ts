import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#kernel';
import { parseFieldPath, parseFilter } from './parser.js';
import { FIELDS } from './testing/fields.js';

const parse = (...inputs: string[]): unknown[] =>
  parseFilter(inputs, FIELDS).map(({ field, path, operator, operand }) => [
    field.column,
    path,
    operator,
    operand,
  ]);

const detailOf = (...inputs: string[]): string => {
  try {
    parseFilter(inputs, FIELDS);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_filter') return error.detail;
    throw error;
  }
  return 'no fault';
};

const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

describe('parseFilter', () => {
  it('reads the expressions of the public page', () => {
    expect(parse('algorithm[eq]RSA;tags[contains]production')).toEqual([
      ['k.algorithm', [], 'eq', ['RSA']],
      ['k.tags', [], 'ct', ['production']],
    ]);
    expect(parse('metadata.owner[eq]security-team')).toEqual([
      ['k.metadata', ['owner'], 'eq', ['security-team']],
    ]);
  });

  it('joins several parameters', () => {
    expect(parse('name[eq]a', 'name[ne]b;size[gt]1')).toHaveLength(3);
    expect(parse()).toEqual([]);
  });

  it.each([
    ['name', 'eq', 'eq equal EQ Equal'],
    ['name', 'ne', 'ne notequal'],
    ['name', 'ct', 'ct contains'],
    ['name', 'nc', 'nc notcontains'],
    ['name', 'in', 'in'],
    ['name', 'nin', 'nin notin'],
    ['name', 'eq_ic', 'eq_ic equal_ic eq_ignorecase equal_ignorecase'],
    ['name', 'ne_ic', 'ne_ic notequal_ignorecase'],
    ['name', 'ct_ic', 'ct_ic contains_ignorecase'],
    ['name', 'nc_ic', 'nc_ic notcontains_ignorecase'],
    ['name', 'in_ic', 'in_ic in_ignorecase'],
    ['name', 'nin_ic', 'nin_ic nin_ignorecase'],
    ['metadata.x', 'eq', 'eq equal'],
    ['metadata.x', 'ge', 'ge greaterequal greaterorequal'],
    ['size', 'eq', 'eq equal'],
    ['size', 'ne', 'ne notequal'],
    ['size', 'lt', 'lt lessthan'],
    ['size', 'le', 'le lessequal lessorequal'],
    ['size', 'gt', 'gt greaterthan'],
    ['size', 'ge', 'ge greaterequal greaterorequal'],
    ['tags', 'ct', 'ct contains'],
    ['tags', 'ct_ic', 'ct_ic contains_ignorecase'],
    ['tags', 'nc', 'nc notcontains'],
    ['has_private_key', 'eq', 'eq equal'],
    ['has_private_key', 'ne', 'ne notequal'],
    ['creation_ts', 'bf', 'bf before'],
    ['creation_ts', 'af', 'af after'],
    ['creation_ts', 'eq', 'eq equal'],
  ])('knows %s[%s] by its names: %s', (field, name, spellings) => {
    const value = { size: '1', has_private_key: 'true', creation_ts: '2025-01-01' }[field] ?? '1';
    for (const spelling of spellings.split(' ')) {
      expect(parseFilter([`${field}[${spelling}]${value}`], FIELDS)).toMatchObject([
        { operator: name, text: `${field}[${name}]${value}` },
      ]);
    }
  });

  it('takes a value as it stands, up to the next semicolon', () => {
    expect(parse('name[eq] a=b[c]"d"%_,.\\ ;size[eq]1')[0]).toEqual([
      'k.name',
      [],
      'eq',
      [' a=b[c]"d"%_,.\\ '],
    ]);
  });

  it('takes a quoted value with semicolons, quotes and backslashes in it', () => {
    expect(parse(String.raw`name[eq]"a;b\"c\\d"`)).toEqual([['k.name', [], 'eq', [String.raw`a;b"c\d`]]]);
    expect(parse('name[eq]""')).toEqual([['k.name', [], 'eq', ['']]]);
  });

  it('reads lists with quoted elements', () => {
    expect(parse('name[in]a,"b,c","d;e";size[eq]1')[0]).toEqual(['k.name', [], 'in', ['a', 'b,c', 'd;e']]);
  });

  it('reads paths with quoted members', () => {
    expect(parse('metadata."a.b".c-d."[x];"[exists]')).toEqual([
      ['k.metadata', ['a.b', 'c-d', '[x];'], 'exists', ['true']],
    ]);
    expect(parse('metadata.x[exists]false')).toEqual([['k.metadata', ['x'], 'exists', ['false']]]);
    expect(parse('metadata.""[eq]x')).toEqual([['k.metadata', [''], 'eq', ['x']]]);
  });

  it('ends a SQL/JSON path at a semicolon outside its strings', () => {
    const path = String.raw`$.a == "x;\";y" && $."b;c" > 1`;
    expect(parse(`metadata[jsonpath]${path};size[eq]1`)).toEqual([
      ['k.metadata', [], 'jsonpath', [path]],
      ['k.size', [], 'eq', ['1']],
    ]);
  });

  it('gives dates in UTC', () => {
    expect(parse('creation_ts[before]2025-01-01T01:00:00+01:00')[0]).toEqual([
      ...['k.creation_ts', [], 'bf', ['2025-01-01T00:00:00Z']],
    ]);
  });

  it('says where the fault is, what it is and what was expected', () => {
    expect(detailOf('algorithn[eq]RSA')).toBe(
      'Position 1: unknown field "algorithn"; expected one of algorithm, creation_ts, has_private_key, metadata, name, size, tags.',
    );
    expect(detailOf('name[eq]a;size[ct]1')).toBe(
      'Position 16: unknown operator "ct" for field "size"; expected one of eq, ne, lt, le, gt, ge.',
    );
    expect(detailOf('name[eq]a', 'name[eq]😀;nope[eq]b')).toMatch(
      /^Filter 2, position 11: unknown field "nope"/,
    );
    expect(detailOf('metadata[eq]x')).toMatch(/expected one of jsonpath, or a member after the field\.$/);
  });

  it.each([
    ['', 1, 'the name of a field'],
    ['name[eq]a;', 11, 'the name of a field'],
    [' name[eq]a', 1, 'the name of a field'],
    ['name', 5, 'expected "["'],
    ['name=a', 1, 'unknown field "name=a"'],
    ['name[]a', 6, 'the name of an operator'],
    ['name[eq', 8, 'expected "]"'],
    ['name[eq]', 9, 'expected a value'],
    ['name[eq];size[eq]1', 9, 'expected a value'],
    ['name[eq]"a', 9, 'closing quote'],
    ['name[eq]"a"b', 12, 'expected ";" or the end'],
    [String.raw`name[eq]"\n"`, 11, 'after a backslash'],
    ['name[eq]"\\', 11, 'after a backslash'],
    ['name[in]a,,b', 11, 'expected a value'],
    ['name[in]"a"b', 12, 'expected ","'],
    ['name.first[eq]a', 6, 'has no members'],
    ['metadata.[eq]a', 10, 'name of a member'],
    ['metadata..a[eq]a', 10, 'name of a member'],
    ['metadata.a b[eq]a', 11, 'expected "["'],
    ['metadata.a[jsonpath]$', 12, 'unknown operator "jsonpath" for a member of "metadata"'],
    ['metadata.a[exists]maybe', 19, 'nothing, true or false'],
    ['metadata[jsonpath] ', 19, 'expected a SQL/JSON path'],
    ['metadata[jsonpath]$.a == "x', 26, 'closing quote'],
    ['metadata.a[gt]x', 15, 'finite number'],
    ['size[eq]1e999', 9, 'finite number'],
    ['size[eq]1e-20000', 9, 'exponent between -400 and 400'],
    ['size[gt]0e99999999999', 9, 'exponent between -400 and 400'],
    ['metadata.a[gt]1e-99999999999', 15, 'exponent between -400 and 400'],
    [`size[eq]0.${'0'.repeat(39)}`, 9, 'at most 40 characters'],
    ['creation_ts[af]2025-02-30', 16, 'expected a date'],
    ['has_private_key[eq]yes', 20, 'true or false'],
    ['tags[eq]a', 6, 'unknown operator "eq"'],
    ['__proto__[eq]a', 1, 'unknown field "__proto__"'],
    ['constructor[eq]a', 1, 'unknown field "constructor"'],
    ['name[constructor]a', 6, 'unknown operator "constructor"'],
    ['name[__proto__]a', 6, 'unknown operator "__proto__"'],
  ])('finds the fault in %j', (input, position, message) => {
    const detail = detailOf(input);
    expect(detail).toContain(message);
    expect(detail).toMatch(new RegExp(`^Position ${position}: `));
  });

  it('shows at most 64 characters of a name, on one line, and nothing of a value', () => {
    const detail = detailOf(`"${'x'.repeat(63)}\n${'y'.repeat(50)}"[eq]secret`);
    expect(detail).toContain(`"${'x'.repeat(63)}\\n"`);
    expect(detail).not.toContain('secret');
    expect(detailOf('size[eq]secret')).not.toContain('secret');
  });

  it('bounds conditions, characters, elements, paths and depth', () => {
    const many = (n: number): string => Array.from({ length: n }, () => 'name[eq]a').join(';');
    expect(detailOf(many(20))).toBe('no fault');
    expect(detailOf(many(21))).toContain('at most 20 conditions');
    expect(detailOf(many(20), 'name[eq]a')).toContain('at most 20 conditions');
    expect(detailOf(...Array.from({ length: 21 }, () => ''))).toContain('at most 20 conditions');
    expect(detailOf(`name[eq]${'a'.repeat(4_088)}`)).toBe('no fault');
    expect(detailOf(`name[eq]${'a'.repeat(4_080)}`, 'name[eq]a')).toContain('4096 characters');
    expect(detailOf(`name[in]${'a,'.repeat(99)}a`)).toBe('no fault');
    expect(detailOf(`name[in]${'a,'.repeat(100)}a`)).toContain('at most 100');
    expect(detailOf(`metadata[jsonpath]${'$'.padEnd(1_024, ' ')}`)).toBe('no fault');
    expect(detailOf(`metadata[jsonpath]${'$'.padEnd(1_025, ' ')}`)).toContain('at most 1024');
    expect(detailOf(`metadata${'.a'.repeat(8)}[eq]x`)).toBe('no fault');
    expect(detailOf(`metadata${'.a'.repeat(9)}[eq]x`)).toContain('at most 8');
  });

  it.each([
    ['$.**.**.**.** == 1', 'no fault'],
    ['$.**.**.**.**.** == 1', 'at most 4 of'],
    ['$[0,1,2,3,4]', 'no fault'],
    ['$[0,0][0,0][0,0][0,0][0,0]', 'at most 4 of'],
    ['$' + '.KeyValue()'.repeat(5), 'at most 4 of'],
    ['$.a == "** , ** , \\", keyvalue"', 'no fault'],
    [String.raw`$.k\u0065yvalue()`, 'no backslash and no comment'],
    ['$.a /* ** */ == 1', 'no backslash and no comment'],
  ])('bounds what the path %s can multiply to', (path, message) => {
    expect(detailOf(`metadata[jsonpath]${path}`)).toContain(message);
  });

  it.each(['name[eq]a\0', 'name[eq]\ud800', 'name[eq]\udc00a', 'name[eq]"\0"'])('refuses %j', (input) => {
    expect(detailOf(input)).toContain('no U+0000 and no unpaired surrogate');
  });

  it('throws nothing but invalid_filter, whatever the input', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'name',
        'metadata',
        '.a',
        '[',
        ']',
        '[eq]',
        '[in]',
        '[jsonpath]',
        '[exists]',
        '"',
        '\\',
        ';',
        ',',
      ),
    );
    const input = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(input, { maxLength: 3 }), (inputs) => {
        detailOf(...inputs);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads back every quoted value, list and member', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(text, text, fc.array(text, { minLength: 1, maxLength: 5 }), (value, member, list) => {
        const filter = `name[eq]${quoted(value)};metadata.${quoted(member)}[in]${list.map(quoted).join(',')}`;
        expect(parse(filter)).toEqual([
          ['k.name', [], 'eq', [value]],
          ['k.metadata', [member], 'in', list],
        ]);
      }),
    );
  });

  it('has a normal form that parses to the same and is no longer', () => {
    const expression = fc.constantFrom(
      ...[
        'name[equal]a',
        'name[notcontains_ignorecase]"x;y"',
        'size[lessorequal]5',
        'metadata."a.b"[exists]',
      ],
      ...['creation_ts[before]2025-01-01', 'metadata[jsonpath]$.a == "x;y"', 'NAME[IN]a', 'tags[CONTAINS]p'],
    );
    fc.assert(
      fc.property(fc.array(expression, { minLength: 1, maxLength: 5 }), (expressions) => {
        const input = expressions.join(';').replaceAll('NAME', 'name');
        const conditions = parseFilter([input], FIELDS);
        const texts = conditions.map(({ text }) => text);
        expect(parseFilter(texts, FIELDS)).toEqual(conditions);
        expect(texts.join(';').length).toBeLessThanOrEqual(input.length);
      }),
    );
  });
});

describe('parseFieldPath', () => {
  it('reads a field and the path below it', () => {
    expect(parseFieldPath('metadata.a."b.c"')).toEqual({ name: 'metadata', path: ['a', 'b.c'] });
    expect(parseFieldPath('name')).toEqual({ name: 'name', path: [] });
  });

  it.each(['', '.', 'a.', 'a b', 'a[eq]', 'a;b', '"a', 'a\0', `m${'.a'.repeat(9)}`])('refuses %j', (text) => {
    expect(parseFieldPath(text)).toBeUndefined();
  });
});
