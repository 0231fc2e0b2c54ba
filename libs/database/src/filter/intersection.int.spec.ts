import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPage, plansToAvoid } from '../page/list-page.js';
import type { StatementRunner } from '../page/page.js';
import type { SqlQuery } from '../sql-query.js';
import { scanQuery, type Listing } from './list-query.js';
import { parseFilter } from './parser.js';
import { findSort, type SortMode } from './sort-key.js';
import { KeyDatabase, type KeyRow } from './testing/key-database.js';
import { KEYS } from './testing/key-table.js';

const SIZE = 12_000;

/** Two tags never meet but in the 20 newest keys; in the tenant `both` they always do. No statistics are taken. */
const KEYS_OF = `
  INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint,
                       state, origin, aliases, tags, metadata, creation_ts)
  SELECT $1::text, 'key-' || to_char(n, 'FM00000'), 'name ' || md5(n::text), 'software',
         (ARRAY['RSA', 'ECDSA'])[1 + n % 2], 2048, true, '', md5(n::text), 'enabled', 'generated', '{}',
         array_remove(ARRAY[CASE WHEN n % 2 = 0 OR $2 OR n >= ${SIZE - 20} THEN 'even' END,
                            CASE WHEN n % 2 = 1 OR $2 OR n >= ${SIZE - 20} THEN 'odd' END,
                            CASE WHEN n < 6000 AND n % 2 = 0 OR n >= 6000 AND n % 2 = 1 THEN 'turned' END,
                            CASE WHEN n % 5 = 0 THEN 'fifth' END, CASE WHEN n / 5 % 5 = 0 THEN 'other-fifth' END,
                            CASE WHEN n % 50 = 0 THEN 'seldom' END, CASE WHEN n >= 9000 THEN 'late' END], NULL),
         jsonb_build_object('deep', jsonb_build_object('n', n % 2)), timestamptz '2025-01-01' + (n / 3) * interval '1 ms'
    FROM generate_series(0, $3::int - 1) AS n`;

const TERMS_OF = `
  INSERT INTO key_term
  SELECT tenant_id, 't:' || tag, creation_ts, key_id FROM kms_key, unnest(tags) AS tag
  UNION ALL SELECT tenant_id, 'm:["deep","n","' || (metadata #>> '{deep,n}') || '"]', creation_ts, key_id FROM kms_key`;

const listing = (filter: string, sortBy = 'creation_ts', mode: SortMode = 'asc', limit = 50): Listing => ({
  tenantId: 'apart',
  conditions: parseFilter([filter], KEYS.fields),
  sort: findSort(KEYS, sortBy, mode)!,
  limit,
});

describe('several equalities at once', () => {
  let database: KeyDatabase;

  beforeAll(async () => {
    database = await KeyDatabase.create();
    for (const [tenant, both, size] of [
      ['both', true, 3_000],
      ['apart', false, SIZE],
    ] as const) {
      await database.actFor(tenant);
      await database.run({ text: KEYS_OF, params: [tenant, both, size] });
      await database.run({ text: TERMS_OF, params: [] });
    }
  });
  afterAll(() => database.drop());

  /** Rows of the key table that a piece of work looked at, by whatever plan and function. */
  async function rowsSeen(work: () => Promise<unknown>): Promise<number> {
    const count = async (): Promise<number> => {
      const [row] = await database.run<{ rows: string }>({
        text: `SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = 'kms_key'`,
        params: [],
      });
      return Number(row?.rows);
    };
    await database.run({ text: 'BEGIN', params: [] });
    for (const plan of plansToAvoid(KEYS, listing('tags[ct]even'))) {
      await database.run({ text: `SET LOCAL enable_${plan} = off`, params: [] });
    }
    try {
      const before = await count();
      await work();
      return (await count()) - before;
    } finally {
      await database.run({ text: 'COMMIT', params: [] });
    }
  }

  const PAIRS = [
    'tags[ct]even;tags[ct]odd',
    'tags[ct]even;algorithm[eq]ECDSA',
    'tags[ct]even;metadata.deep.n[eq]1',
    'metadata.deep.n[eq]0;algorithm[eq]ECDSA',
    'algorithm[eq]RSA;algorithm[eq]ECDSA',
    'algorithm[eq]RSA;tags[ct]odd;tags[ct]even',
    'size[eq]2049;tags[ct]even',
    'has_private_key[eq]false',
  ];

  it.each(PAIRS.flatMap((filter) => (['asc', 'desc'] as const).map((mode) => [filter, mode] as const)))(
    'looks at few keys for %s %s, which hardly any has, without statistics too',
    async (filter, mode) => {
      const seen = await rowsSeen(() => listPage(database, KEYS, listing(filter, 'creation_ts', mode)));
      expect(seen).toBeLessThan(1_600);
    },
  );

  it.each([
    ['tags[ct]fifth;tags[ct]other-fifth', 'asc', 50],
    ['tags[ct]fifth;tags[ct]other-fifth', 'desc', 50],
    // One that is much rarer, or begins late: its own first rows are the page.
    ['tags[ct]even;tags[ct]seldom', 'asc', 60],
    ['tags[ct]even;tags[ct]seldom', 'desc', 60],
    ['tags[ct]odd;tags[ct]late', 'asc', 110],
    ['tags[ct]odd;tags[ct]late', 'desc', 50],
  ] as const)(
    'fetches little more than a page of %s, %s, which meet now and then',
    async (filter, mode, most) => {
      const often = listing(filter, 'creation_ts', mode);
      expect(await rowsSeen(() => listPage(database, KEYS, often))).toBeLessThanOrEqual(most);
    },
  );

  it('looks at keys with all marks only, wherever in the order they begin', async () => {
    const statements: SqlQuery[] = [];
    const recorder: StatementRunner = {
      run: (query) => {
        statements.push(query);
        return database.run(query);
      },
    };
    await listPage(recorder, KEYS, listing('tags[ct]even;tags[ct]odd', 'creation_ts', 'asc'));
    const matching = statements.find(({ text }) => text.includes('key_matches'));
    // Each once by its marks, and once for the page.
    expect(await rowsSeen(() => database.run(matching!))).toBe(2 * 20);
  });

  it.each(
    [
      ...PAIRS,
      'tags[ct]fifth;tags[ct]other-fifth',
      'tags[ct]fifth;tags[ct]other-fifth;tags[ct]odd',
      'tags[ct]fifth;algorithm[eq]RSA',
      'algorithm[eq]RSA;algorithm[eq]"RSA";size[eq]2048',
      'tags[ct]odd;tags[ct]turned',
      'tags[ct]turned;tags[ct]even;name[ct]a',
      'size[eq]2048',
      'has_private_key[eq]false',
    ].flatMap((filter) =>
      ['creation_ts', 'name', 'size', 'metadata.deep.n'].map((sortBy) => [filter, sortBy] as const),
    ),
  )('lists every key of %s by %s once and in order, in either direction', async (filter, sortBy) => {
    for (const mode of ['asc', 'desc'] as const) {
      const expected = await database.run<KeyRow>(scanQuery(KEYS, listing(filter, sortBy, mode, SIZE)));
      const seen: string[] = [];
      let after: readonly string[] | undefined;
      do {
        const page = await listPage<KeyRow>(database, KEYS, {
          ...listing(filter, sortBy, mode, 1_000),
          after,
        });
        seen.push(...page.rows.map((row) => row.key_id));
        after = page.after;
      } while (after);
      expect(seen).toEqual(expected.map((row) => row.key_id));
    }
  });

  const PAGED = [
    'tags[ct]fifth;tags[ct]other-fifth',
    'tags[ct]fifth;tags[ct]other-fifth;tags[ct]odd',
    'tags[ct]even;tags[ct]seldom',
    'tags[ct]even;tags[ct]odd',
  ].flatMap((filter) =>
    (['asc', 'desc'] as const).flatMap((mode) =>
      [filter.endsWith('odd') ? 1 : 200, 7, 50].map((limit) => [filter, mode, limit] as const),
    ),
  );

  it.each(PAGED)('goes on from page to page of %s, %s, by %s', async (filter, mode, limit) => {
    const all = await database.run<KeyRow>(scanQuery(KEYS, listing(filter, 'creation_ts', mode, SIZE)));
    const pages: number[] = [];
    const seen: string[] = [];
    let after: readonly string[] | undefined;
    do {
      const one = { ...listing(filter, 'creation_ts', mode, limit), after };
      const page = await listPage<KeyRow>(database, KEYS, one);
      pages.push(page.rows.length);
      seen.push(...page.rows.map((row) => row.key_id));
      after = page.after;
    } while (after);
    expect(seen).toEqual(all.map((row) => row.key_id));
    const lengths = all.map((_, index) => Math.min(limit, all.length - index));
    expect(pages).toEqual(lengths.filter((_, index) => index % limit === 0));
  });

  /** The first page of `filter` as it comes where a statement is answered through `through`. */
  async function disturbed(
    filter: string,
    limit: number,
    through: (query: SqlQuery, rows: (query: SqlQuery) => Promise<unknown[]>) => Promise<unknown[]>,
  ): Promise<{ ids: string[]; after: string | undefined }> {
    const run = (query: SqlQuery): Promise<KeyRow[]> => database.run<KeyRow>(query);
    const runner: StatementRunner = {
      run: async <Row extends object>(query: SqlQuery) => (await through(query, run)) as Row[],
    };
    await database.run({ text: 'BEGIN', params: [] });
    try {
      const page = await listPage<KeyRow>(runner, KEYS, { ...listing(filter), limit });
      return { ids: page.rows.map((row) => row.key_id), after: page.after?.[1] };
    } finally {
      await database.run({ text: 'ROLLBACK', params: [] });
    }
  }

  const idOf = (n: number): string => `key-${String(n).padStart(5, '0')}`;

  it('does not end where a key stopped matching between two statements', async () => {
    let changed = 0;
    const page = await disturbed('tags[ct]fifth;tags[ct]other-fifth', 5, async (query, rows) => {
      const found = await rows(query);
      if (query.text.includes('INTERSECT')) {
        changed += 1;
        const text = `UPDATE kms_key SET tags = '{odd}' WHERE key_id = $1`;
        await database.run({ text, params: [idOf(25)] });
      }
      return found;
    });
    expect(changed).toBe(1);
    expect(page).toEqual({ ids: [0, 50, 75, 100].map(idOf), after: idOf(100) });
  });

  it.each([
    { filter: 'tags[ct]even;tags[ct]odd', limit: 5, mark: 't:odd', ids: [], after: 9 },
    { filter: 'tags[ct]late;tags[ct]seldom', limit: 30, mark: 't:late', ids: [9_000], after: 9_029 },
  ])('does not end $filter where marks found keys without the values', async (given) => {
    let mistaken = 0;
    const page = await disturbed(given.filter, given.limit, (query, rows) => {
      if (!query.text.includes('key_matches')) return rows(query);
      mistaken += 1;
      const params = query.params.map((value) => (Array.isArray(value) ? [given.mark] : value));
      return rows({ ...query, params });
    });
    expect(mistaken).toBe(1);
    expect(page).toEqual({ ids: given.ids.map(idOf), after: idOf(given.after) });
  });
});
