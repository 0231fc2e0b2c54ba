import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Engines that operators register, what is being made in them, and keys that wait for their destruction.
 *
 * An engine is the platform's and of no tenant. Its row is locked through the foreign key of `key_intent` by whoever is
 * about to store a key of it, so that it cannot vanish under a key; engines of the configuration have no row.
 */
export class Engines1763700030000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE engine (
        id         text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
        type       text COLLATE "C" NOT NULL CHECK (type IN ('PKCS11', 'AWS_KMS')),
        name       text NOT NULL,
        config     jsonb NOT NULL CHECK (jsonb_typeof(config) = 'object'),
        secrets    jsonb NOT NULL CHECK (jsonb_typeof(secrets) = 'object'),
        tenants    text[] CHECK (cardinality(tenants) > 0),
        is_default boolean NOT NULL DEFAULT false,
        version    integer NOT NULL DEFAULT 1,
        created_ts timestamptz(3) NOT NULL DEFAULT now(),
        updated_ts timestamptz(3) NOT NULL DEFAULT now(),
        CHECK (NOT is_default OR tenants IS NULL)
      )`);
    await runner.query(`CREATE UNIQUE INDEX engine_default ON engine (is_default) WHERE is_default`);
    await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON engine TO claviger_system`);

    await runner.query(`
      CREATE TABLE key_intent (
        tenant_id  text COLLATE "C" NOT NULL,
        key_id     text COLLATE "C" NOT NULL,
        engine_id  text COLLATE "C" NOT NULL,
        registered text COLLATE "C" REFERENCES engine (id),
        attempt_id uuid NOT NULL,
        due_ts     timestamptz(3) NOT NULL,
        created_ts timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, key_id)
      )`);
    await runner.query(`CREATE INDEX key_intent_registered ON key_intent (registered)`);
    await runner.query(`ALTER TABLE key_intent ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE key_intent FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON key_intent TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`CREATE POLICY system_jobs ON key_intent FOR SELECT TO claviger_system USING (true)`);
    await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON key_intent TO claviger_app`);
    await runner.query(`GRANT SELECT ON key_intent TO claviger_system`);

    await runner.query(`ALTER TABLE kms_key DROP CONSTRAINT kms_key_state_check`);
    await runner.query(`
      ALTER TABLE kms_key
        ADD COLUMN deletion_ts timestamptz(3),
        ADD CONSTRAINT kms_key_state_check CHECK (state IN ('enabled', 'disabled', 'pending_deletion', 'destroyed')),
        ADD CONSTRAINT kms_key_deletion_check CHECK (state <> 'pending_deletion' OR deletion_ts IS NOT NULL)`);
    await runner.query(`
      CREATE INDEX kms_key_doomed ON kms_key (tenant_id, deletion_ts) WHERE state = 'pending_deletion'`);
    // The system role reads no key: what it is told is what is due, and how many there are.
    await runner.query(`
      CREATE POLICY doomed_keys ON kms_key FOR SELECT TO CURRENT_USER USING (state = 'pending_deletion')`);
    for (const [signature, body] of Object.entries(FUNCTIONS)) {
      await runner.query(`CREATE FUNCTION ${signature} ${body}`);
      await runner.query(`REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`);
      await runner.query(`GRANT EXECUTE ON FUNCTION ${signature} TO claviger_system`);
    }
    await runner.query(`
      ALTER TABLE tenant ADD COLUMN min_deletion_days integer NOT NULL DEFAULT 0
        CHECK (min_deletion_days = 0 OR min_deletion_days BETWEEN 7 AND 30)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tenant DROP COLUMN min_deletion_days`);
    for (const signature of Object.keys(FUNCTIONS)) await runner.query(`DROP FUNCTION ${signature}`);
    await runner.query(`DROP POLICY doomed_keys ON kms_key`);
    await runner.query(`DROP INDEX kms_key_doomed`);
    await runner.query(`ALTER TABLE kms_key DROP CONSTRAINT kms_key_state_check`);
    await runner.query(`
      ALTER TABLE kms_key
        DROP COLUMN deletion_ts,
        ADD CONSTRAINT kms_key_state_check CHECK (state IN ('enabled', 'disabled', 'destroyed'))`);
    await runner.query(`DROP TABLE key_intent, engine`);
  }
}

const FUNCTIONS = {
  // In no order: keys of an engine that is away must not keep others waiting.
  'doomed_keys(most integer)': `RETURNS TABLE (tenant_id text, key_id text, engine_id text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $function$
      SELECT k.tenant_id, k.key_id, k.engine_id FROM kms_key k
       WHERE k.state = 'pending_deletion' AND k.deletion_ts <= now() ORDER BY random() LIMIT most
    $function$`,
  'engine_keys(engine text, except_tenants text[])': `RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $function$
      SELECT coalesce(sum(c.keys), 0)::bigint FROM key_count c
       WHERE c.engine_id = engine AND (except_tenants IS NULL OR NOT c.tenant_id = ANY (except_tenants))
    $function$`,
};
