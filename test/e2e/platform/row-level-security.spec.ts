import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../../harness/app.js';
import { refusalOf, superuserUrl, withClient } from './database-access.js';
import { startWithTwoTenants } from './two-tenants.js';

/** SQLSTATE insufficient_privilege: also what a policy refuses with. */
const REFUSED = '42501';
/** What the application reads by no statement of its own at all. */
const HIDDEN: ReadonlySet<string> = new Set(['audit_head', 'audit_signed']);

interface Table {
  name: string;
  column: string;
  enabled: boolean;
  forced: boolean;
  policies: number;
  owner: string;
}

/** Whoever runs SQL as the application's role, by an injection or a statement that forgot its tenant. */
describe('the application role', () => {
  let app: TestApp;
  let client: pg.Client;
  let tables: Table[];
  let everyTable: string[];

  const as = (tenant: string | undefined): Promise<unknown> =>
    client.query(`SELECT set_config('claviger.tenant', $1, true)`, [tenant ?? '']);

  /** In a transaction that is undone. */
  async function inTransaction<T>(tenant: string | undefined, work: () => Promise<T>): Promise<T> {
    await client.query('BEGIN');
    try {
      if (tenant !== undefined) await as(tenant);
      return await work();
    } finally {
      await client.query('ROLLBACK');
    }
  }

  beforeAll(async () => {
    app = await startWithTwoTenants();
    const url = superuserUrl(app.installation.database.appUrl);
    [tables, everyTable] = await withClient(url, async (admin) => {
      const found = await admin.query<Table>(`
        SELECT c.relname AS name, a.attname AS column, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
               (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
               pg_get_userbyid(c.relowner) AS owner
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND (a.attname = 'tenant_id' OR c.relname = 'tenant' AND a.attname = 'id')
         ORDER BY c.relname`);
      const all = await admin.query<{ name: string }>(
        `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`,
      );
      return [found.rows, all.rows.map(({ name }) => name)];
    });
    client = new pg.Client(app.installation.database.appUrl);
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await app.stop();
    await app.installation.remove();
  });

  it('stands before row-level security, forced and with a policy, in every table that has a tenant', () => {
    expect(tables.map(({ name }) => name)).toEqual([
      'adopted_object',
      'audit_event',
      'audit_head',
      'audit_signed',
      'idempotency_key',
      'import_token',
      'job',
      'key_alias',
      'key_count',
      'key_handle',
      'key_intent',
      'key_term',
      'key_use',
      'kms_key',
      'tenant',
      'tenant_kek',
    ]);
    for (const { name, enabled, forced, policies } of tables) {
      expect([name, enabled, forced, policies > 0]).toEqual([name, true, true, true]);
    }
  });

  it('meets no table without a tenant but those of the platform', () => {
    const rest = everyTable.filter((name) => !tables.some((table) => table.name === name)).sort();
    expect(rest).toEqual([
      'audit_checkpoint',
      'engine',
      'engine_reconciliation',
      'pin_attempt',
      'platform_key',
      'root_key',
      'schema_migration',
    ]);
  });

  it('sees its tenant’s rows only, by a statement without a tenant predicate', async () => {
    for (const { name, column } of tables) {
      for (const tenant of ['acme', 'globex']) {
        const seen = await inTransaction(tenant, () =>
          client
            .query<{ tenant: string }>(`SELECT DISTINCT ${column} AS tenant FROM ${name}`)
            .then(({ rows }) => rows.map((row) => row.tenant))
            .catch((error: { code: string }) => error.code),
        );
        expect([name, seen]).toEqual([name, HIDDEN.has(name) ? REFUSED : [tenant]]);
      }
    }
  });

  it('sees the other tenant’s rows by no predicate, join or function either', async () => {
    const statements = [
      `SELECT key_id FROM kms_key WHERE tenant_id = 'globex'`,
      `SELECT h.handle FROM key_handle h JOIN kms_key k ON k.key_id = h.key_id WHERE k.tenant_id <> 'acme'`,
      `SELECT 1 FROM key_alias WHERE tenant_id = 'globex' AND alias = 'alias'`,
      `SELECT * FROM audit_event WHERE tenant_id <> 'acme'`,
      `SELECT * FROM tenant WHERE id = 'globex'`,
      `SELECT * FROM kms_key k WHERE k.tenant_id = 'globex' AND 1 / length(k.name) > 0`,
    ];
    for (const statement of statements) {
      const { rows } = await inTransaction('acme', () => client.query(statement));
      expect([statement, rows]).toEqual([statement, []]);
    }
  });

  it.each([
    ['no tenant', undefined],
    ['an empty tenant', ''],
    ['a tenant that does not exist', 'nobody'],
    ['a tenant that is a pattern', '%'],
  ])('sees nothing with %s', async (_, tenant) => {
    for (const { name } of tables.filter((table) => !HIDDEN.has(table.name))) {
      const { rows } = await inTransaction(tenant, () => client.query(`SELECT 1 FROM ${name}`));
      expect([name, rows]).toEqual([name, []]);
    }
  });

  it('has no tenant any more once its transaction is over', async () => {
    await inTransaction('acme', () => client.query('SELECT 1'));
    expect((await client.query('SELECT 1 FROM kms_key')).rows).toEqual([]);
  });

  it('changes and deletes its tenant’s rows only', async () => {
    const touched = async (text: string): Promise<number | null> =>
      (await inTransaction('acme', () => client.query(text))).rowCount;
    expect(await touched(`UPDATE kms_key SET name = 'mine'`)).toBe(1);
    expect(await touched(`UPDATE kms_key SET name = 'yours' WHERE tenant_id = 'globex'`)).toBe(0);
    for (const table of ['key_handle', 'key_alias', 'key_use']) {
      expect(await touched(`DELETE FROM ${table}`)).toBe(1);
      expect(await touched(`DELETE FROM ${table} WHERE tenant_id <> 'acme'`)).toBe(0);
    }
  });

  it('writes no row of another tenant, and moves none there', async () => {
    for (const { name, column } of tables) {
      const columns = await withClient(superuserUrl(app.installation.database.appUrl), (admin) =>
        admin.query<{ name: string }>(
          `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
          [name],
        ),
      );
      const names = columns.rows.map((row) => row.name).filter((one) => one !== column);
      const list = names.join(', ');
      const insert = `INSERT INTO ${name} (${column}, ${list}) SELECT 'globex', ${list} FROM ${name}`;
      const move = `UPDATE ${name} SET ${column} = 'globex'`;
      for (const statement of [insert, move]) {
        const refusal = await inTransaction('acme', () => refusalOf(client, statement));
        expect([statement, refusal]).toEqual([statement, REFUSED]);
      }
    }
  });

  it('owns nothing and takes nothing away: no TRUNCATE, no policy, no role of others', async () => {
    for (const table of everyTable) {
      for (const statement of [
        `TRUNCATE ${table} CASCADE`,
        `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
        `ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`,
        `CREATE POLICY mine ON ${table} USING (true)`,
        `ALTER TABLE ${table} OWNER TO claviger_app`,
        `DROP TABLE ${table}`,
      ]) {
        const refusal = await inTransaction('acme', () => refusalOf(client, statement));
        expect([statement, refusal]).toEqual([statement, REFUSED]);
      }
    }
    for (const statement of [
      'SET ROLE claviger_owner',
      'SET ROLE postgres',
      'SET SESSION AUTHORIZATION claviger_owner',
      'CREATE TABLE public.mine (a int)',
      'CREATE SCHEMA mine',
      'CREATE ROLE mine',
      'ALTER ROLE claviger_app BYPASSRLS',
      `CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      `SELECT pg_read_file('/etc/passwd')`,
      `COPY kms_key TO PROGRAM 'true'`,
    ]) {
      const refusal = await inTransaction('acme', () => refusalOf(client, statement));
      expect([statement, refusal]).toEqual([statement, REFUSED]);
    }
  });

  it('gets an error, and no rows, where it switches row security off', async () => {
    const refusal = await inTransaction('acme', async () => {
      await client.query('SET LOCAL row_security = off');
      return refusalOf(client, 'SELECT * FROM kms_key');
    });
    expect(refusal).toBe(REFUSED);
  });

  it('keeps no audit record from being found: none is changed or removed, and none written but by the function', async () => {
    for (const statement of [
      `UPDATE audit_event SET actor = 'nobody'`,
      'DELETE FROM audit_event',
      'DELETE FROM audit_head',
      'UPDATE audit_head SET seq = 0',
      `UPDATE audit_checkpoint SET body = ''`,
      'DELETE FROM audit_checkpoint',
      'INSERT INTO audit_event SELECT * FROM audit_event',
      'DELETE FROM kms_key',
      'UPDATE tenant_kek SET version = 2',
      `UPDATE tenant SET state = 'active'`,
      'UPDATE audit_signed SET seq = 0',
      'SELECT 1 FROM audit_checkpoint',
      'SELECT 1 FROM root_key',
      'SELECT 1 FROM platform_key',
      'SELECT 1 FROM engine',
      `DELETE FROM engine`,
      'SELECT * FROM doomed_keys(1)',
      `SELECT engine_keys('software', NULL)`,
      `SELECT * FROM engine_tenants('software')`,
      'SELECT report FROM engine_reconciliation',
      `UPDATE root_key SET check_value = ''`,
      `UPDATE platform_key SET public_key = ''`,
    ]) {
      const refusal = await inTransaction('acme', () => refusalOf(client, statement));
      expect([statement, refusal]).toEqual([statement, REFUSED]);
    }
  });

  it('runs six functions with their owner’s rights, whose search paths are fixed', async () => {
    const { rows } = await client.query<{ name: string; config: string[] }>(`
      SELECT proname AS name, proconfig AS config FROM pg_proc
       WHERE prosecdef AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       ORDER BY proname`);
    expect(rows.map(({ name }) => name)).toEqual([
      'audit_append',
      'doomed_keys',
      'engine_keys',
      'engine_tenants',
      'key_count_changes',
      'key_matches',
    ]);
    for (const { config } of rows) expect(config).toContain('search_path=pg_catalog, public, pg_temp');
  });

  it('finds by marks what its tenant has, and nothing where it has none', async () => {
    const found = async (tenant: string | undefined, term: string): Promise<unknown[]> =>
      (
        await inTransaction(tenant, () =>
          client.query('SELECT key_id FROM key_matches(ARRAY[$1], NULL, NULL, false, 1000)', [term]),
        )
      ).rows;
    expect(await found('acme', 's:enabled')).toHaveLength(1);
    expect(await found('globex', 's:enabled')).toHaveLength(1);
    expect(await found('globex', 's:enabled')).not.toEqual(await found('acme', 's:enabled'));
    expect(await found('nobody', 's:enabled')).toEqual([]);
    for (const tenant of [undefined, ''])
      await expect(found(tenant, 's:enabled')).rejects.toThrow('no tenant');
  });

  it('reads its numbers of keys and cannot change them', async () => {
    for (const statement of [
      'UPDATE key_count SET keys = 0',
      'DELETE FROM key_count',
      'SELECT key_count_changes()',
    ]) {
      const refusal = await inTransaction('acme', () => refusalOf(client, statement));
      expect([statement, refusal]).not.toEqual([statement, undefined]);
    }
  });

  it('runs jobs and neither removes one nor says anew who asked for what', async () => {
    for (const statement of [
      'DELETE FROM job',
      `UPDATE job SET input = '{}'`,
      `UPDATE job SET principal = '{}'`,
      `UPDATE job SET kind = 'another'`,
      `UPDATE job SET progress_total = 9`,
      `UPDATE job SET created_ts = now()`,
      `INSERT INTO job (tenant_id, job_id, kind, progress_total, input, principal, request_id, dispatch_ts, state)
       VALUES ('acme', 'job-1', 'k', 1, '1', '{}', 'r', now(), 'succeeded')`,
    ]) {
      const refusal = await inTransaction('acme', () => refusalOf(client, statement));
      expect([statement, refusal]).toEqual([statement, REFUSED]);
    }
  });

  it('sees as the system role which jobs there are, and nothing of what they are about', async () => {
    const asSystem = (statement: string): Promise<string | undefined> =>
      inTransaction(undefined, async () => {
        await client.query('SET LOCAL ROLE claviger_system');
        return refusalOf(client, statement);
      });
    expect(await asSystem('SELECT tenant_id, job_id, kind, state FROM job')).toBeUndefined();
    for (const statement of [
      'SELECT input FROM job',
      'SELECT result FROM job',
      'SELECT principal FROM job',
      'SELECT error_detail FROM job',
      `UPDATE job SET state = 'cancelled'`,
      'UPDATE job SET due_ts = now()',
      'DELETE FROM job RETURNING input',
    ])
      expect([statement, await asSystem(statement)]).toEqual([statement, REFUSED]);
  });

  it('makes and drops nothing in the schema of the job queue', async () => {
    expect(await refusalOf(client, 'SELECT 1 FROM bullmq.job')).toBeUndefined();
    for (const statement of [
      'CREATE TABLE bullmq.mine (a int)',
      'CREATE SEQUENCE bullmq.mine',
      'CREATE TEMP TABLE mine (a int)',
      'DROP TABLE bullmq.job CASCADE',
      'TRUNCATE bullmq.job',
      'ALTER TABLE bullmq.job ADD COLUMN mine int',
      'DELETE FROM bullmq.migration',
      'UPDATE bullmq.migration SET version = 0',
    ])
      expect([statement, await refusalOf(client, statement)]).toEqual([statement, REFUSED]);
  });

  it('reaches no key of any tenant as the system role, which it may take for the platform’s jobs', async () => {
    for (const table of ['kms_key', 'key_handle', 'key_alias', 'key_count', 'key_term', 'key_use']) {
      const refusal = await inTransaction(undefined, async () => {
        await client.query('SET LOCAL ROLE claviger_system');
        return refusalOf(client, `SELECT 1 FROM ${table}`);
      });
      expect([table, refusal]).toEqual([table, REFUSED]);
    }
  });
});
