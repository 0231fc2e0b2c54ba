import type pg from 'pg';
import type { Scale } from '../bench-part.js';
import type { Stage } from '../stage.js';
import { INSERT_KEYS, INSERT_TERMS, SAMPLE_TERMS } from './listed-keys.js';

/** The tenant with the most keys. */
export const LARGE = 'bench-large-1';
const SMALL = 'bench-small-';
const KEYS_OF_A_SMALL_TENANT = 50;

const TABLES = ['kms_key', 'key_term', 'key_alias', 'key_count'];

/** Two clients keep both cores busy; helpers of theirs would only cost more. */
const IN_A_HURRY = `SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET synchronous_commit = off;
  SET max_parallel_maintenance_workers = 0`;
const INSERT_ALIASES = `
  INSERT INTO key_alias (tenant_id, alias, key_id)
  SELECT k.tenant_id, a, k.key_id FROM kms_key k, unnest(k.aliases) a ON CONFLICT DO NOTHING`;
const INSERT_COUNTS = `
  INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
  SELECT tenant_id, engine_id, algorithm, count(*) FROM kms_key
   WHERE tenant_id LIKE 'bench-large-%' OR tenant_id LIKE 'bench-small-%' GROUP BY 1, 2, 3`;

type Statement = readonly [text: string, parameters?: readonly unknown[]];

/** The statements in their order, each by whichever client is free. */
async function share(clients: readonly pg.Client[], statements: readonly Statement[]): Promise<void> {
  const waiting = [...statements];
  const work = async (client: pg.Client): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [text, parameters = []] = next;
      await client.query(text, [...parameters]);
    }
  };
  await Promise.all(clients.map(work));
}

interface Definition {
  readonly name: string;
  readonly text: string;
}

const textsOf = (definitions: readonly Definition[]): Statement[] => definitions.map(({ text }) => [text]);

/** Drops what is built row by row otherwise, and answers what builds it again. */
async function dropSlow(owner: pg.Client): Promise<{ indexes: Definition[]; constraints: Definition[] }> {
  const { rows: indexes } = await owner.query<Definition>(
    `SELECT indexname AS name, indexdef AS text FROM pg_indexes
      WHERE tablename = 'kms_key' AND indexname <> 'kms_key_pkey'`,
  );
  const { rows: constraints } = await owner.query<Definition & { table: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS table,
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS text
       FROM pg_constraint
      WHERE conrelid = 'key_term'::regclass AND contype = 'p' OR conrelid = 'key_alias'::regclass AND contype = 'f'`,
  );
  for (const { name } of indexes) await owner.query(`DROP INDEX ${name}`);
  for (const { table, name } of constraints)
    await owner.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  return { indexes, constraints };
}

/** Asked as the application's role: the owner stands under the policies, and none shows it a row. */
async function isSeeded(stage: Stage): Promise<boolean> {
  const app = await stage.connectAsApp();
  try {
    await app.query(`SELECT set_config('claviger.tenant', $1, false)`, [LARGE]);
    return (await app.query('SELECT FROM key_alias LIMIT 1')).rows.length > 0;
  } finally {
    await app.end();
  }
}

/**
 * Fills the key tables: one tenant with `scale.keys`, and `scale.tenants` small ones beside it. What is built row by
 * row otherwise is dropped and built at the end, by the definitions that the migrations gave it, on two cores. Throws
 * where what it leaves is not what the product would have stored.
 */
export async function seedListing(stage: Stage, scale: Scale): Promise<void> {
  if (await isSeeded(stage)) return;
  const { owner } = stage;
  const beside = await stage.connectAsOwner();
  for (const client of [owner, beside]) await client.query(IN_A_HURRY);
  // The owner stands under the policies as well, and none lets it write keys.
  for (const table of TABLES) await owner.query(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`);
  await owner.query('ALTER TABLE kms_key DISABLE TRIGGER USER');
  const { indexes, constraints } = await dropSlow(owner);
  const both = [owner, beside];
  const large = [1, scale.keys, 'bench-large-'];
  const half = Math.floor(scale.keys / 2);
  await share(both, [
    [INSERT_KEYS, [...large, 1, half]],
    [INSERT_KEYS, [...large, half + 1, scale.keys]],
    [INSERT_KEYS, [scale.tenants, KEYS_OF_A_SMALL_TENANT, SMALL, 1, KEYS_OF_A_SMALL_TENANT]],
  ]);
  // The longest first, so that both end together: the index of marks takes as long as much of the rest.
  const isMarks = ({ name }: Definition): boolean => name === 'kms_key_marks';
  const isTerms = ({ name }: Definition): boolean => name === 'key_term_pkey';
  await share(both, [
    ...textsOf(indexes.filter(isMarks)),
    [INSERT_TERMS],
    ...textsOf(constraints.filter(isTerms)),
    [INSERT_ALIASES],
    [INSERT_COUNTS],
    ...textsOf(indexes.filter((index) => !isMarks(index))),
  ]);
  // A reference keeps indexes of the table it refers to from being built.
  await share([owner], textsOf(constraints.filter((constraint) => !isTerms(constraint))));
  await owner.query('ALTER TABLE kms_key ENABLE TRIGGER USER');
  for (const table of TABLES) await owner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
  const filled = [...TABLES, 'key_use', 'key_handle'];
  await share(
    both,
    filled.map((table) => [`VACUUM ANALYZE ${table}`]),
  );
  await beside.end();
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
