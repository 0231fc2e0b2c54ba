import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPage } from '../page/list-page.js';
import type { SqlQuery } from '../sql-query.js';
import { scanQuery, sourceQuery, type Listing } from './list-query.js';
import { parseFilter } from './parser.js';
import { findSort, type SortMode } from './sort-key.js';
import { KeyDatabase, type KeyRow } from './testing/key-database.js';
import { streamSource, streamsOf } from './stream.js';
import { KEYS } from './testing/key-table.js';

/** The keys with numbers from $2 up to $3, three to a millisecond, for tenant $1. */
const KEYS_OF = `
  INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint,
                       state, origin, aliases, tags, metadata, creation_ts)
  SELECT $1::text, 'key-' || to_char(n, 'FM00000'), 'name ' || md5(n::text), 'software',
         (ARRAY['RSA', 'ECDSA', 'Ed25519'])[1 + n % 3], 2048, true, '', md5(n::text), 'enabled', 'generated',
         ARRAY['alias-' || n],
         array_remove(ARRAY['all', CASE WHEN n % 3 = 0 THEN 'third' END, CASE WHEN n % 400 = 0 THEN 'rare' END,
                            CASE WHEN n BETWEEN 30000 AND 39999 THEN 'late' END, CASE WHEN n < 10000 THEN 'early' END,
                            CASE WHEN n >= 40000 THEN 'elsewhere' END], NULL),
         jsonb_build_object('owner', 'team-' || n % 50), timestamptz '2025-01-01' + (n / 3) * interval '1 ms'
    FROM generate_series($2::int, $3::int - 1) AS n`;

const TERMS_OF = `
  INSERT INTO key_term
  SELECT tenant_id, 't:' || tag, creation_ts, key_id FROM kms_key, unnest(tags) AS tag
  UNION ALL SELECT tenant_id, 'm:["owner","' || (metadata ->> 'owner') || '"]', creation_ts, key_id FROM kms_key`;

/** 40,000 keys of one tenant and 10,000 of ten others. */
async function load(database: KeyDatabase): Promise<void> {
  for (let tenant = 0; tenant <= 10; tenant += 1) {
    const [id, from, to] =
      tenant === 0
        ? ['big', 0, 40_000]
        : [`other-${tenant}`, 39_000 + tenant * 1_000, 40_000 + tenant * 1_000];
    await database.actFor(id);
    await database.run({ text: KEYS_OF, params: [id, from, to] });
    await database.run({ text: TERMS_OF, params: [] });
  }
  await database.analyze();
}

const MIDDLE = ['2025-01-01T00:00:06.666Z', 'key-20000'];

const key = (n: number): KeyRow => ({
  ...{ key_id: `live-${n}`, name: `live ${n % 11}`, algorithm: 'RSA', size: n % 5, rotated_from: null },
  ...{
    has_private_key: true,
    aliases: ['one'],
    tags: ['live'],
    metadata: { n: n % 3 ? n % 9 : `t${n % 9}` },
  },
  ...{ creation_ts: new Date(Date.UTC(2025, 5, 1) + Math.floor(n / 4)).toISOString(), last_used_ts: null },
});

const listing = (filter: string, sortBy = 'creation_ts', mode: SortMode = 'asc'): Listing => ({
  tenantId: 'big',
  conditions: filter ? parseFilter([filter], KEYS.fields) : [],
  sort: findSort(KEYS, sortBy, mode)!,
  limit: 50,
});

describe('listing 50,000 keys under row-level security', () => {
  let database: KeyDatabase;

  beforeAll(async () => {
    database = await KeyDatabase.create();
    await load(database);
    await database.actFor('big');
  });
  afterAll(() => database.drop());

  /** Rows that the scans of a plan gave, most first. */
  const rowsRead = async (query: SqlQuery): Promise<number> => {
    const plan = await database.explain(query, 'ANALYZE, TIMING OFF');
    const rows = [...plan.matchAll(/Scan.*rows=([\d.]+) loops=(\d+)/g)].map(
      ([, n, loops]) => Number(n) * Number(loops),
    );
    return Math.max(...rows);
  };

  const readAll = async (request: Listing): Promise<KeyRow[]> => {
    const page = await listPage<KeyRow>(database, KEYS, request);
    return page.after ? [...page.rows, ...(await readAll({ ...request, after: page.after }))] : page.rows;
  };

  it.each<[string, SortMode, string, string[]]>([
    ['creation_ts', 'asc', 'kms_key_creation', MIDDLE],
    ['creation_ts', 'desc', 'kms_key_creation', MIDDLE],
    ['name', 'asc', 'kms_key_name', ['name 8', 'key-1']],
    ['name', 'desc', 'kms_key_name', ['name 8', 'key-1']],
  ])(
    'continues by %s %s with an index condition, not by passing over rows',
    async (sortBy, mode, index, after) => {
      const query = scanQuery(KEYS, { ...listing('', sortBy, mode), after });
      const plan = await database.explain(query);
      expect(plan).toMatch(new RegExp(`Index (Only )?Scan (Backward )?using ${index}`));
      expect(plan).toMatch(/Index Cond: \(\(tenant_id = .*ROW\(.*\) [<>] ROW\(/);
      expect(plan).not.toContain('Sort');
      expect(await rowsRead(query)).toBe(51);
    },
  );

  it('continues by key id alone', async () => {
    const query = scanQuery(KEYS, { ...listing('', 'key_id'), after: ['key-20000'] });
    expect(await database.explain(query)).toMatch(/Index Cond: .*key_id > /);
    expect(await rowsRead(query)).toBe(51);
  });

  it('walks a term by its index, which only a leakproof condition can use', async () => {
    const request = { ...listing('tags[ct]third'), after: MIDDLE };
    const [stream] = streamsOf(KEYS, request.conditions);
    const query = sourceQuery(KEYS, request, streamSource(KEYS, KEYS.terms!, request, stream!));
    const plan = await database.explain(query);
    expect(plan).toMatch(
      /using key_term_pkey on key_term t\n.*Index Cond: \(\(tenant_id = .*\(term = .*ROW\(/,
    );
    expect(plan).toMatch(/using kms_key_pkey on kms_key \w+\n.*Index Cond: .*\(key_id = t.key_id\)/);
    expect(plan).not.toMatch(/Seq Scan|Sort|Hash/);
    expect(await rowsRead(query)).toBe(51);
  });

  it.each<[string, string, number]>([
    ['tags[ct]all;tags[ct]rare', 'creation_ts', 100],
    ['tags[ct]all;tags[ct]third;tags[ct]rare', 'name', 100],
    ['tags[ct]all;tags[ct]third', 'creation_ts', 51],
    ['tags[ct]all;tags[ct]third', 'creation_ts desc', 51],
    ['tags[ct]third;tags[ct]late', 'creation_ts', 200],
    ['tags[ct]early;tags[ct]third', 'creation_ts desc', 200],
    ['tags[ct]all', 'name', 5_000],
    ['tags[ct]elsewhere;tags[ct]all', 'creation_ts', 0],
    ['tags[ct]elsewhere', 'name', 0],
  ])('reads few rows for %s by %s, whichever term comes first', async (filter, sortBy, most) => {
    const run: string[] = [];
    const recorder = {
      run: async <Row extends object>(query: SqlQuery) => {
        if (query.text.includes('page_key')) run.push(String(await rowsRead(query)));
        return database.run<Row>(query);
      },
    };
    const [name, mode = 'asc'] = sortBy.split(' ');
    await listPage(recorder, KEYS, listing(filter, name, mode as SortMode));
    expect(Math.max(0, ...run.map(Number))).toBeLessThanOrEqual(most);
  });

  it.each(['name[eq]name x', 'key_id[eq]key-00007', 'algorithm[eq]AES'])(
    'finds %s by an index',
    async (filter) => {
      const plan = await database.explain(scanQuery(KEYS, listing(filter)));
      expect(plan).toMatch(/Index Cond: .*(name\)::text|key_id|algorithm) = /s);
      expect(plan).not.toContain('Seq Scan');
    },
  );

  it.each<[string, string, SortMode]>([
    ['', 'creation_ts', 'asc'],
    ['', 'creation_ts', 'desc'],
    ['tags[ct]third', 'creation_ts', 'asc'],
    ['tags[ct]third;tags[ct]all', 'creation_ts', 'desc'],
    ['tags[ct]third', 'name', 'desc'],
    ['', 'metadata.owner', 'asc'],
  ])('shows every key of %s by %s %s exactly once', async (filter, sortBy, mode) => {
    const request = { ...listing(filter, sortBy, mode), limit: 5_000 };
    const seen = await readAll(request);
    const expected = Array.from({ length: 40_000 }, (_, n) => n).filter((n) => !filter || n % 3 === 0);
    const value = ({ key_id, name }: Pick<KeyRow, 'key_id' | 'name'>): string => {
      if (sortBy === 'metadata.owner') return `team-${Number(key_id.slice(4)) % 50} ${key_id}`;
      return sortBy === 'name' ? name : key_id;
    };
    const values = seen.map(value);
    const sorted = [...new Set(values)].sort();
    expect(values).toEqual(mode === 'asc' ? sorted : sorted.reverse());
    expect(seen.length).toBe(expected.length);
  });

  it.each<[SortMode, string[]]>([
    ['asc', ['n2.5', 'n9', 'n10', 's10', 'sB', 'sb', 'true', 'z-array', 'z-empty', 'z-null', 'z-object']],
    ['desc', ['true', 'sb', 'sB', 's10', 'n10', 'n9', 'n2.5', 'z-object', 'z-null', 'z-empty', 'z-array']],
  ])(
    'sorts members %s: numbers by value, then text by code point, and what is missing last',
    async (mode, expected) => {
      await database.actFor('mixed');
      const values = { 'n2.5': 2.5, n9: 9, n10: 10, s10: '10', sB: 'B', sb: 'b', true: true, 'z-array': [1] };
      const members = Object.entries<unknown>({
        ...values,
        'z-null': null,
        'z-object': { n: 1 },
        'z-empty': undefined,
      });
      for (const [id, n] of members)
        await database.insert('mixed', { ...key(0), key_id: id, metadata: { n } });
      const request = { ...listing('', 'metadata.n', mode), tenantId: 'mixed', limit: 2 };
      expect((await readAll(request)).map((row) => row.key_id)).toEqual(expected);
      for (const [id] of members) await database.delete(id);
    },
  );

  it('gives no key to continue after on a last page that is full', async () => {
    await database.actFor('full');
    for (const n of [1, 2, 3, 4]) await database.insert('full', key(n));
    const request = { ...listing(''), tenantId: 'full', limit: 2 };
    const first = await listPage<KeyRow>(database, KEYS, request);
    const second = await listPage<KeyRow>(database, KEYS, { ...request, after: first.after });
    expect([first.rows.length, second.rows.length]).toEqual([2, 2]);
    expect([first.after, second.after]).toEqual([[expect.any(String), key(2).key_id], undefined]);
    expect(first.rows[0]).toEqual({ key_id: key(1).key_id, name: key(1).name });
  });

  it('shows each surviving key exactly once while others come and go', async () => {
    await database.actFor('live');
    const steps = fc.array(fc.array(fc.record({ n: fc.nat(79), add: fc.boolean() }), { maxLength: 12 }), {
      maxLength: 10,
    });
    const filters = fc.constantFrom('', 'tags[ct]live', 'tags[ct]live;aliases[ct]one');
    const sorts = fc.constantFrom('creation_ts', 'name', 'size', 'metadata.n', 'key_id');
    await fc.assert(
      fc.asyncProperty(
        steps,
        filters,
        sorts,
        fc.constantFrom<SortMode>('asc', 'desc'),
        async (changes, filter, sortBy, mode) => {
          const present = new Set(Array.from({ length: 40 }, (_, n) => n * 2));
          for (const n of present) await database.insert('live', key(n));
          const survivors = new Set(present);
          const seen: string[] = [];
          let request: Listing = { ...listing(filter, sortBy, mode), tenantId: 'live', limit: 7 };
          for (let step = 0; ; step += 1) {
            const page = await listPage<KeyRow>(database, KEYS, request);
            seen.push(...page.rows.map((row) => row.key_id));
            if (!page.after) break;
            request = { ...request, after: page.after };
            for (const { n, add } of changes[step] ?? []) {
              if (add === present.has(n)) continue;
              if (add) await database.insert('live', key(n));
              else await database.delete(key(n).key_id);
              if (add) present.add(n);
              else present.delete(n);
              survivors.delete(n);
            }
          }
          for (const n of present) await database.delete(key(n).key_id);
          expect(new Set(seen).size).toBe(seen.length);
          for (const n of survivors) expect(seen.filter((id) => id === key(n).key_id)).toHaveLength(1);
        },
      ),
      { numRuns: 25 },
    );
  });
});
