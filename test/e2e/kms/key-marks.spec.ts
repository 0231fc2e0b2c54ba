import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.js';

const INSERT = `
  INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint, state,
                       origin, tags, deletion_ts, destroyed_ts)
  VALUES ($1, $2, 'name', 'software', 'RSA', 2048, true, '', $2, $3, 'generated', '{a}',
          CASE WHEN $3 = 'pending_deletion' THEN now() END, CASE WHEN $3 = 'destroyed' THEN now() END)`;

describe('the marks of keys', () => {
  let test: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    test = await createTestDatabase();
    client = new pg.Client(test.appUrl);
    await client.connect();
    await client.query(`SELECT set_config('claviger.tenant', 'acme', false)`);
  });

  afterAll(async () => {
    await client.end();
    await test.drop();
  });

  const found = async (...terms: string[]): Promise<string[]> => {
    const { rows } = await client.query<{ key_id: string }>(
      'SELECT key_id FROM key_matches($1, NULL, NULL, false, 100) ORDER BY key_id',
      [terms],
    );
    return rows.map((row) => row.key_id);
  };

  /** Those that the table allows. */
  const states = async (): Promise<string[]> => {
    const { rows } = await client.query<{ text: string }>(
      `SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = 'kms_key_state_check'`,
    );
    return [...(rows[0]?.text ?? '').matchAll(/'(\w+)'/g)].map(([, state]) => state!).sort();
  };

  it('are found in every state but that of keys that are gone', async () => {
    const all = await states();
    const live = all.filter((state) => state !== 'destroyed');
    expect(live.length).toBe(all.length - 1);
    for (const state of all) await client.query(INSERT, ['acme', state, state]);
    expect(await found('t:a')).toEqual(live);
    expect(await found('t:a', 'g:RSA')).toEqual(live);
    for (const state of all) {
      expect(await found(`s:${state}`, 't:a')).toEqual(live.filter((one) => one === state));
    }
    expect(await found('s:enabled', 's:disabled')).toEqual([]);
  });

  it('change with the state', async () => {
    await client.query(INSERT, ['acme', 'turned', 'enabled']);
    expect(await found('s:enabled', 't:a')).toContain('turned');
    await client.query(`UPDATE kms_key SET state = 'disabled' WHERE key_id = 'turned'`);
    expect(await found('s:enabled', 't:a')).not.toContain('turned');
    expect(await found('s:disabled', 't:a')).toContain('turned');
    await client.query(
      `UPDATE kms_key SET state = 'destroyed', destroyed_ts = now() WHERE key_id = 'turned'`,
    );
    expect(await found('t:a')).not.toContain('turned');
  });
});
