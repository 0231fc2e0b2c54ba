import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT_TABLES = ['kms_key', 'key_handle', 'key_alias', 'key_term', 'key_use'];

/** The key plane. tenant_id leads every primary key and index; no foreign key crosses tenants. */
export class Keys1763700001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE kms_key (
        tenant_id       text COLLATE "C" NOT NULL,
        key_id          text COLLATE "C" NOT NULL,
        name            text NOT NULL,
        engine_id       text COLLATE "C" NOT NULL,
        algorithm       text COLLATE "C" NOT NULL,
        size            integer NOT NULL,
        has_private_key boolean NOT NULL,
        spki            bytea NOT NULL,
        fingerprint     text COLLATE "C" NOT NULL,
        state           text COLLATE "C" NOT NULL CHECK (state IN ('enabled', 'disabled', 'destroyed')),
        origin          text COLLATE "C" NOT NULL CHECK (origin IN ('generated', 'imported')),
        aliases         text[] NOT NULL DEFAULT '{}',
        tags            text[] NOT NULL DEFAULT '{}',
        metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
        creation_ts     timestamptz(3) NOT NULL DEFAULT now(),
        updated_ts      timestamptz(3) NOT NULL DEFAULT now(),
        version         integer NOT NULL DEFAULT 1,
        rotated_from    text COLLATE "C",
        rotated_to      text COLLATE "C",
        destroyed_ts    timestamptz(3),
        PRIMARY KEY (tenant_id, key_id)
      )`);
    await runner.query(
      `CREATE UNIQUE INDEX kms_key_fingerprint ON kms_key (tenant_id, fingerprint) WHERE state <> 'destroyed'`,
    );
    const live = `WHERE state <> 'destroyed'`;
    await runner.query(`CREATE INDEX kms_key_creation ON kms_key (tenant_id, creation_ts, key_id) ${live}`);
    await runner.query(`CREATE INDEX kms_key_updated ON kms_key (tenant_id, updated_ts, key_id) ${live}`);
    await runner.query(`CREATE INDEX kms_key_name ON kms_key (tenant_id, name COLLATE "C", key_id) ${live}`);
    await runner.query(
      `CREATE INDEX kms_key_algorithm ON kms_key (tenant_id, algorithm, creation_ts, key_id) ${live}`,
    );
    await runner.query(
      `CREATE INDEX kms_key_engine ON kms_key (tenant_id, engine_id, creation_ts, key_id) ${live}`,
    );
    await runner.query(
      `CREATE INDEX kms_key_state ON kms_key (tenant_id, state, creation_ts, key_id) ${live}`,
    );
    await runner.query(`CREATE INDEX kms_key_census ON kms_key (tenant_id, engine_id, algorithm) ${live}`);

    await runner.query(`
      CREATE TABLE key_handle (
        tenant_id text COLLATE "C" NOT NULL,
        key_id    text COLLATE "C" NOT NULL,
        handle    bytea NOT NULL,
        PRIMARY KEY (tenant_id, key_id),
        FOREIGN KEY (tenant_id, key_id) REFERENCES kms_key (tenant_id, key_id)
      )`);
    await runner.query(`
      CREATE TABLE key_alias (
        tenant_id text COLLATE "C" NOT NULL,
        alias     text COLLATE "C" NOT NULL,
        key_id    text COLLATE "C" NOT NULL,
        CONSTRAINT key_alias_pkey PRIMARY KEY (tenant_id, alias),
        FOREIGN KEY (tenant_id, key_id) REFERENCES kms_key (tenant_id, key_id)
      )`);
    await runner.query(`CREATE INDEX key_alias_key ON key_alias (tenant_id, key_id)`);
    await runner.query(`
      CREATE TABLE key_term (
        tenant_id   text COLLATE "C" NOT NULL,
        term        text COLLATE "C" NOT NULL,
        creation_ts timestamptz(3) NOT NULL,
        key_id      text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant_id, term, creation_ts, key_id)
      )`);
    await runner.query(`
      CREATE TABLE key_use (
        tenant_id    text COLLATE "C" NOT NULL,
        key_id       text COLLATE "C" NOT NULL,
        last_used_ts timestamptz(3) NOT NULL,
        PRIMARY KEY (tenant_id, key_id)
      )`);

    for (const table of TENANT_TABLES) {
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`
        CREATE POLICY tenant_isolation ON ${table} TO claviger_app
        USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
      await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO claviger_app`);
    }
    // A key's row outlives its material as a tombstone.
    await runner.query(`REVOKE DELETE ON kms_key FROM claviger_app`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE ${[...TENANT_TABLES].reverse().join(', ')}`);
  }
}
