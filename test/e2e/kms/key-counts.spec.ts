import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataSource, migrate } from '#database';
import { MIGRATIONS } from '#migrations';
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.js';

const INSERT = `
  INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint, state, origin, tags)
  SELECT $1, $2 || n, 'name', 'software', (ARRAY['RSA', 'ECDSA'])[1 + n % 2], 256, true, '', $2 || n, 'enabled', 'generated', '{a}'
    FROM generate_series(1, $3::int) n`;

/** A session of the application for one tenant. */
async function session(test: TestDatabase, tenant: string): Promise<pg.Client> {
  const client = new pg.Client(test.appUrl);
  await client.connect();
  await client.query(
    `SELECT set_config('claviger.tenant', $1, false), set_config('lock_timeout', '1s', false)`,
    [tenant],
  );
  return client;
}

const countsOf = async (client: pg.Client): Promise<Record<string, number>> => {
  const { rows } = await client.query<{ algorithm: string; keys: number }>(
    'SELECT algorithm, sum(keys)::int AS keys FROM key_count GROUP BY 1 HAVING sum(keys) <> 0 ORDER BY 1',
  );
  return Object.fromEntries(rows.map(({ algorithm, keys }) => [algorithm, keys]));
};

const entriesOf = async (client: pg.Client): Promise<number> =>
  (await client.query('SELECT 1 FROM key_count')).rowCount ?? 0;

describe('the numbers of keys', () => {
  let test: TestDatabase;
  let one: pg.Client;
  let other: pg.Client;

  beforeAll(async () => {
    test = await createTestDatabase();
    [one, other] = [await session(test, 'acme'), await session(test, 'acme')];
  });

  afterAll(async () => {
    await Promise.all([one.end(), other.end()]);
    await test.drop();
  });

  it('are there within the transaction that changes them, and gone with it', async () => {
    await one.query('BEGIN');
    await one.query(INSERT, ['acme', 'undone', 3]);
    expect(await countsOf(one)).toEqual({ ECDSA: 2, RSA: 1 });
    expect(await countsOf(other)).toEqual({});
    await one.query('ROLLBACK');
    expect(await countsOf(one)).toEqual({});
  });

  it('let nobody wait who makes and destroys keys of the same tenant', async () => {
    await one.query('BEGIN');
    await other.query('BEGIN');
    // Often enough that both fold while the other is under way.
    for (let n = 0; n < 150; n += 1) {
      await one.query(INSERT, ['acme', `one${n}-`, 2]);
      await other.query(INSERT, ['acme', `other${n}-`, 2]);
    }
    await one.query(`UPDATE kms_key SET state = 'destroyed' WHERE key_id LIKE 'one0-%'`);
    await other.query('COMMIT');
    await one.query('COMMIT');
    expect(await countsOf(one)).toEqual({ ECDSA: 299, RSA: 299 });
  });

  it('stay few entries, however many statements changed them', async () => {
    const before = await countsOf(one);
    for (let n = 0; n < 600; n += 1) await one.query(INSERT, ['acme', `many${n}-`, 1]);
    expect(await entriesOf(one)).toBeLessThan(500);
    expect(await countsOf(one)).toEqual({ ...before, ECDSA: (before['ECDSA'] ?? 0) + 600 });
  });

  it('follow keys that are disabled, enabled and destroyed', async () => {
    const before = await countsOf(one);
    await one.query(INSERT, ['acme', 'moved', 2]);
    await one.query(`UPDATE kms_key SET state = 'disabled', updated_ts = now() WHERE key_id LIKE 'moved%'`);
    expect(await countsOf(one)).toEqual({ ECDSA: before['ECDSA']! + 1, RSA: before['RSA']! + 1 });
    await one.query(`UPDATE kms_key SET state = 'destroyed' WHERE key_id LIKE 'moved%'`);
    expect(await countsOf(one)).toEqual(before);
  });

  it('are another tenant’s own', async () => {
    const stranger = await session(test, 'globex');
    await stranger.query(INSERT, ['globex', 'theirs', 1]);
    expect(await countsOf(stranger)).toEqual({ ECDSA: 1 });
    await stranger.end();
  });

  it('and the marks are made for keys that were there before', async () => {
    const before = await countsOf(one);
    const source = createDataSource({ url: test.ownerUrl, poolSize: 1, applicationName: 't' });
    await source.initialize();
    const undone = MIGRATIONS.length - MIGRATIONS.findIndex(({ name }) => name.startsWith('KeyMatches'));
    for (let n = 0; n < undone; n += 1) await source.undoLastMigration();
    await one.query(INSERT, ['acme', 'early', 2]);
    expect(await migrate(test.ownerUrl)).toHaveLength(undone);
    await source.destroy();
    expect(await countsOf(one)).toEqual({ ECDSA: before['ECDSA']! + 1, RSA: before['RSA']! + 1 });
    const { rows } = await one.query(`
      SELECT count(*)::int AS keys FROM key_matches('{t:a,g:RSA,s:enabled}', NULL, NULL, NULL, 100000)`);
    expect(rows).toEqual([{ keys: before['RSA']! + 1 }]);
  });

  it('let keys be read, and signatures recorded, while the marks are built anew', async () => {
    const source = createDataSource({ url: test.ownerUrl, poolSize: 2, applicationName: 't' });
    await source.initialize();
    const building = MIGRATIONS.findIndex(({ name }) => name.startsWith('QuickMarks'));
    for (let n = MIGRATIONS.length; n > building; n -= 1) await source.undoLastMigration();
    const runner = source.createQueryRunner();
    await runner.startTransaction();
    await new MIGRATIONS[building]!().up(runner);
    // The index is there, and its transaction keeps what it locked.
    expect((await one.query('SELECT FROM kms_key')).rowCount).toBeGreaterThan(0);
    const gate = `SELECT refused FROM audit_append(1::smallint, true, '{}', '{acme}', '{0}', '{1}', '[{"key_id":"early1"}]')`;
    // Refused for want of a tenant, and not kept waiting.
    expect((await one.query(gate)).rows).toEqual([{ refused: [1] }]);
    await expect(one.query(INSERT, ['acme', 'waits', 1])).rejects.toThrow(/lock timeout/);
    await runner.rollbackTransaction();
    await runner.release();
    await migrate(test.ownerUrl);
    await source.destroy();
  });
});
