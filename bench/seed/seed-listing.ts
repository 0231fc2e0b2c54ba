import type pg from 'pg';
import type { Scale } from '../bench-part.js';
import type { Stage } from '../stage.js';
import { INSERT_KEYS, INSERT_TERMS, SAMPLE_TERMS } from './listed-keys.js';

/** The tenant with the most keys. */
export const LARGE = 'bench-large-1';
const SMALL = 'bench-small-';
const KEYS_OF_A_SMALL_TENANT = 50;

const TABLES = ['kms_key', 'key_term', 'key_alias', 'key_count'];

const IN_A_HURRY = `SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET synchronous_commit = off`;
const INSERT_ALIASES = `
  INSERT INTO key_alias (tenant_id, alias, key_id)
  SELECT k.tenant_id, a, k.key_id FROM kms_key k, unnest(k.aliases) a ON CONFLICT DO NOTHING`;
const INSERT_COUNTS = `
  INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
  SELECT tenant_id, engine_id, algorithm, count(*) FROM kms_key
   WHERE tenant_id LIKE 'bench-large-%' OR tenant_id LIKE 'bench-small-%' GROUP BY 1, 2, 3`;

async function inTurn(client: pg.Client, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await client.query(statement);
}

/**
 * Fills the key tables: one tenant with `scale.keys`, and `scale.tenants` small ones beside it. What is built row by
 * row otherwise is dropped and built at the end, by the definitions that the migrations gave it. Throws where what it
 * leaves is not what the product would have stored.
 */
export async function seedListing(stage: Stage, scale: Scale): Promise<void> {
  const { owner } = stage;
  const { rows: seeded } = await owner.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM key_alias WHERE tenant_id = $1',
    [LARGE],
  );
  if (seeded[0]?.count) return;
  await owner.query(IN_A_HURRY);
  // The owner stands under the policies as well, and none lets it write keys.
  for (const table of TABLES) await owner.query(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`);
  await owner.query('ALTER TABLE kms_key DISABLE TRIGGER USER');
  const { rows: indexes } = await owner.query<{ indexname: string; indexdef: string }>(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'kms_key' AND indexname <> 'kms_key_pkey'`,
  );
  for (const { indexname } of indexes) await owner.query(`DROP INDEX ${indexname}`);
  await owner.query('ALTER TABLE key_term DROP CONSTRAINT key_term_pkey');
  await owner.query(INSERT_KEYS, [1, scale.keys, 'bench-large-']);
  await owner.query(INSERT_KEYS, [scale.tenants, KEYS_OF_A_SMALL_TENANT, SMALL]);
  // One core has the indexes to build, and the other what is read from the keys.
  const beside = await stage.connectAsOwner();
  await beside.query(IN_A_HURRY);
  await Promise.all([
    inTurn(
      beside,
      indexes.map(({ indexdef }) => indexdef),
    ),
    inTurn(owner, [
      INSERT_TERMS,
      'ALTER TABLE key_term ADD PRIMARY KEY (tenant_id, term, creation_ts, key_id)',
      INSERT_ALIASES,
      INSERT_COUNTS,
    ]),
  ]);
  await beside.end();
  await owner.query('ALTER TABLE kms_key ENABLE TRIGGER USER');
  for (const table of TABLES) await owner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
  for (const table of [...TABLES, 'key_use', 'key_handle']) await owner.query(`VACUUM ANALYZE ${table}`);
}

/** Whether what was seeded is found as the product finds it, and is as protected as before. */
export async function checkSeed({ owner }: Stage): Promise<{ holds: boolean; evidence: string }> {
  const { rows: open } = await owner.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relname = ANY($1::text[]) AND NOT (relrowsecurity AND relforcerowsecurity)`,
    [TABLES],
  );
  await owner.query('ALTER TABLE key_term NO FORCE ROW LEVEL SECURITY');
  const { rows: found } = await owner.query(
    'SELECT DISTINCT term FROM key_term WHERE tenant_id = $1 AND term = ANY($2::text[])',
    [LARGE, SAMPLE_TERMS],
  );
  await owner.query('ALTER TABLE key_term FORCE ROW LEVEL SECURITY');
  const holds = open.length === 0 && found.length === SAMPLE_TERMS.length;
  const evidence = `${TABLES.length - open.length} of ${TABLES.length} tables under forced row-level security, ${found.length} of ${SAMPLE_TERMS.length} sampled terms found`;
  return { holds, evidence };
}
