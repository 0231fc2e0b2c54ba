import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPage } from '../page/list-page.js';
import { scanQuery, type Listing } from './list-query.js';
import { OPERATORS } from './operators.js';
import { parseFilter } from './parser.js';
import { KeyDatabase, type KeyRow } from './testing/key-database.js';
import { KEYS } from './testing/key-table.js';
import { meets } from './testing/reference.js';

const TEXTS = [
  'a',
  'A',
  'a%',
  'a_c',
  'abc',
  'ABC',
  'a\\',
  '%',
  'É',
  'é',
  'жук',
  'ЖУК',
  'x;y',
  'x,y',
  '"q"',
  ' b ',
];
const NUMBERS = ['5', '5.0', '-0', '0', '1e2', '100', '2.5', '-3', '1e+21', '0.1'];
const DATES = ['2025-01-01', '2025-01-01T00:00:00.001Z', '2025-01-02T01:00:00+01:00', '2025-03-01'];
const LONG = 'long '.repeat(80);

const text = fc.constantFrom(...TEXTS);
const leaf = fc.oneof(
  text,
  fc.constantFrom('a', 'A', 'abc', 'x;y'),
  fc.constantFrom('5', '5.0', 'true', '', LONG, '100'),
  fc.constantFrom(5, 0, 100, 2.5, -3, 1e21, 0.1),
  fc.boolean(),
  fc.constant(null),
);
const member = fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), fc.record({ b: leaf, '0': leaf }));
const timestamp = fc.constantFrom(...DATES).map((date) => new Date(date).toISOString());

const rows = fc.sample(
  fc.record({
    name: text,
    algorithm: fc.constantFrom('RSA', 'ECDSA', 'Ed25519'),
    size: fc.constantFrom(0, 5, 100, 2048),
    has_private_key: fc.boolean(),
    rotated_from: fc.option(text, { freq: 2 }),
    aliases: fc.uniqueArray(text, { maxLength: 2 }),
    tags: fc.uniqueArray(text, { maxLength: 3 }),
    metadata: fc.record({ a: member, b: member, '0': leaf, 'x.y': member }, { requiredKeys: [] }),
    creation_ts: timestamp,
    last_used_ts: fc.option(timestamp, { freq: 2 }),
  }),
  { numRuns: 200, seed: 20_251_121 },
);
const KEY_ROWS: readonly KeyRow[] = rows.map((row, n) => ({
  ...row,
  key_id: `key-${String(n).padStart(4, '0')}`,
}));

const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

/** Filter texts with this operator whose operands are drawn from what the rows contain. */
function operands(kind: string): string[] {
  if (kind === 'text') return [...TEXTS, ...NUMBERS, LONG, 'true', '', 'RSA', 's'].map(quoted);
  if (kind === 'texts')
    return ['a', 'a,A,5.0,true', 'RSA,rsa', [...TEXTS.slice(3), '1e2'].map(quoted).join(','), 'zz'];
  if (kind === 'number') return NUMBERS;
  if (kind === 'date') return DATES;
  return ['true', 'false'];
}

const TARGETS: readonly [string, keyof typeof OPERATORS][] = [
  ['name', 'string'],
  ['algorithm', 'string'],
  ['rotated_from', 'string'],
  ['size', 'number'],
  ['has_private_key', 'boolean'],
  ['creation_ts', 'date'],
  ['last_used_ts', 'date'],
  ['tags', 'list'],
  ['aliases', 'list'],
  ['metadata.a', 'member'],
  ['metadata.a.b', 'member'],
  ['metadata.b.0', 'member'],
  ['metadata."x.y"', 'member'],
  ['metadata.none', 'member'],
];

const CASES = TARGETS.flatMap(([target, kind]) =>
  [...new Map([...OPERATORS[kind].values()].map((operator) => [operator.name, operator])).values()].map(
    ({ name, operand }) => ({ target, operator: name, operand }),
  ),
);

describe('filters on PostgreSQL', () => {
  let database: KeyDatabase;

  beforeAll(async () => {
    database = await KeyDatabase.create();
    await database.actFor('t1');
    for (const row of KEY_ROWS) await database.insert('t1', row);
  });
  afterAll(() => database.drop());

  const listing = (filter: string): Listing => ({
    tenantId: 't1',
    conditions: parseFilter([filter], KEYS.fields),
    sort: { name: 'key_id', path: [], mode: 'asc' },
    limit: 1_000,
  });

  const ids = (found: readonly { key_id: string }[]): string[] => found.map((row) => row.key_id);

  it.each(CASES)(
    '$target[$operator] finds what the reference finds',
    async ({ target, operator, operand }) => {
      for (const value of operands(operand)) {
        const filter = `${target}[${operator}]${value}`;
        const request = listing(filter);
        const expected = ids(KEY_ROWS.filter((row) => meets(row, request.conditions[0]!)));
        expect(ids(await database.run(scanQuery(KEYS, request))), filter).toEqual(expected);
        expect(ids((await listPage<KeyRow>(database, KEYS, request)).rows), `${filter} by terms`).toEqual(
          expected,
        );
      }
    },
  );

  it('finds numbers at the ends of their range, however they are spelt, and takes larger ones for text', async () => {
    const [row] = KEY_ROWS as [KeyRow];
    const values = [1e308, 5e-324, '1e-20000', '0e99999999999'];
    await database.actFor('edges');
    for (const [n, a] of values.entries()) {
      await database.insert('edges', { ...row, key_id: `key-${n}`, metadata: { a } });
    }
    const found = async (operator: string, value: string): Promise<string[]> => {
      const request = { ...listing(`metadata.a[${operator}]${value}`), tenantId: 'edges' };
      const scanned = ids(await database.run(scanQuery(KEYS, request)));
      expect(ids((await listPage<KeyRow>(database, KEYS, request)).rows)).toEqual(scanned);
      return scanned;
    };
    for (const operator of ['eq', 'in']) {
      expect(await found(operator, '1e308')).toEqual(['key-0']);
      expect(await found(operator, '1e+308')).toEqual(['key-0']);
      expect(await found(operator, `1${'0'.repeat(308)}`)).toEqual(['key-0']);
      expect(await found(operator, '5e-324')).toEqual(['key-1']);
      expect(await found(operator, '1e-20000')).toEqual(['key-2']);
      expect(await found(operator, '0e99999999999')).toEqual(['key-3']);
      expect(await found(operator, '1e-99999999999')).toEqual([]);
    }
    expect(await found('gt', '1e-400')).toEqual(['key-0', 'key-1']);
    await database.actFor('t1');
  });

  it('has operands for each operator that some rows meet and others do not', () => {
    const oneSided = CASES.filter(({ target, operator, operand }) => {
      const counts = operands(operand).map(
        (value) =>
          KEY_ROWS.filter((row) => meets(row, listing(`${target}[${operator}]${value}`).conditions[0]!))
            .length,
      );
      return !counts.some((count) => count > 0 && count < KEY_ROWS.length);
    });
    expect(oneSided.map(({ target }) => target).filter((target) => target !== 'metadata.none')).toEqual([]);
  });

  it('finds what the reference finds for conditions joined at random, in every order of terms', async () => {
    const expression = fc
      .constantFrom(...CASES)
      .chain(({ target, operator, operand }) =>
        fc.constantFrom(...operands(operand)).map((value) => `${target}[${operator}]${value}`),
      );
    const terms = fc
      .tuple(
        fc.constantFrom('tags[ct]', 'aliases[ct]', 'metadata.a[eq]'),
        fc.constantFrom('a', 'A', 'abc', '5'),
      )
      .map((parts) => parts.join(''));
    const filter = fc.array(fc.oneof(terms, expression), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(filter, fc.constantFrom('asc', 'desc'), async (expressions, mode) => {
        const request = {
          ...listing(expressions.join(';')),
          sort: { name: 'creation_ts', path: [], mode },
        } as Listing;
        const expected = KEY_ROWS.filter((row) =>
          request.conditions.every((condition) => meets(row, condition)),
        );
        expected.sort((a, b) => (a.creation_ts + a.key_id < b.creation_ts + b.key_id ? -1 : 1));
        if (mode === 'desc') expected.reverse();
        expect(ids((await listPage<KeyRow>(database, KEYS, request)).rows)).toEqual(ids(expected));
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, (a: unknown, metadata: object) => boolean]>([
    ['$.a == "A"', (a) => a === 'A'],
    ['$.a == "A" || $.a == 5', (a) => a === 'A' || a === 5],
    ['!($.a == "A")', (a) => a === undefined || a === null || (typeof a === 'string' && a !== 'A')],
    ['$.a ? (@ > 3)', (a) => typeof a === 'number' && a > 3],
    ['$.a ? (@ == false)', (a) => a === false],
    ['$.a', (a) => a !== undefined],
    ['exists($.b)', (_, metadata) => 'b' in metadata],
    ['$.a like_regex "^a" flag "i"', (a) => typeof a === 'string' && /^a/i.test(a)],
    ['$.a == "x;y" && 1 == 1', (a) => a === 'x;y'],
  ])('takes the SQL/JSON path %s as a predicate or as a search', async (path, matches) => {
    const found = new Set(
      ids((await listPage<KeyRow>(database, KEYS, listing(`metadata[jsonpath]${path}`))).rows),
    );
    // What a path makes of arrays and objects is PostgreSQL's business.
    const plain = KEY_ROWS.filter(
      ({ metadata }) => metadata['a'] === null || typeof metadata['a'] !== 'object',
    );
    const wanted = plain.filter(({ metadata }) => matches(metadata['a'], metadata));
    expect(ids(plain).filter((id) => found.has(id))).toEqual(ids(wanted));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.length).toBeLessThan(plain.length);
  });

  it.each([
    '$.a ==',
    '$.a == "x" )',
    '$a == $b',
    '$.a like_regex "("',
    '$[',
    'DROP TABLE kms_key',
    '$."a" == \'x\'',
  ])('answers invalid_filter for the path %s', async (path) => {
    await expect(listPage(database, KEYS, listing(`metadata[jsonpath]${path}`))).rejects.toMatchObject({
      code: 'invalid_filter',
    });
  });

  it('passes faults of evaluation over in silence', async () => {
    const { rows: found } = await listPage(
      database,
      KEYS,
      listing('metadata[jsonpath]strict $.no.such / 0 == 1'),
    );
    expect(found).toEqual([]);
  });

  it('shows no row of another tenant, whichever tenant the statement names', async () => {
    for (const filter of ['name[ne]zz', 'tags[ct]a', 'metadata.a[exists]false']) {
      const request = { ...listing(filter), tenantId: 't2' };
      expect((await listPage(database, KEYS, request)).rows, filter).toEqual([]);
    }
  });

  it('answers filter_too_costly when statement_timeout runs out', async () => {
    const [slow] = parseFilter(['name[eq]x'], { name: { kind: 'string', column: `(pg_sleep(5))::text` } });
    await database.run({ text: `SET statement_timeout = '50ms'`, params: [] });
    const answer = listPage(database, KEYS, { ...listing('name[ne]x'), conditions: [slow!] });
    await expect(answer).rejects.toMatchObject({ code: 'filter_too_costly' });
    await database.run({ text: 'RESET statement_timeout', params: [] });
  });
});
