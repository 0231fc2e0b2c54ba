import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Roles, tenants, and the hierarchy of keys above the private keys: root → tenant's key-encryption key. */
export class TenantsAndRoots1763700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DO $$
      BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'claviger_app')
           OR NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'claviger_system') THEN
          RAISE EXCEPTION 'roles claviger_app and claviger_system are missing'
            USING HINT = 'Create them as an administrator first: see deploy/postgres/roles.sql';
        END IF;
      END $$`);

    await runner.query(`
      CREATE TABLE tenant (
        id         text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
        state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended')),
        version    integer NOT NULL DEFAULT 1,
        created_ts timestamptz(3) NOT NULL DEFAULT now(),
        updated_ts timestamptz(3) NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE root_key (
        id          text COLLATE "C" PRIMARY KEY,
        check_value bytea NOT NULL,
        created_ts  timestamptz(3) NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE tenant_kek (
        tenant_id  text COLLATE "C" NOT NULL REFERENCES tenant (id),
        version    integer NOT NULL,
        root_id    text COLLATE "C" NOT NULL REFERENCES root_key (id),
        wrapped    bytea NOT NULL,
        created_ts timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, version)
      )`);
    await runner.query(`CREATE INDEX tenant_kek_root ON tenant_kek (root_id)`);
    await runner.query(`
      CREATE TABLE platform_key (
        name       text COLLATE "C" PRIMARY KEY,
        root_id    text COLLATE "C" NOT NULL REFERENCES root_key (id),
        wrapped    bytea NOT NULL,
        public_key bytea NOT NULL,
        created_ts timestamptz(3) NOT NULL DEFAULT now()
      )`);

    for (const table of ['tenant', 'tenant_kek']) {
      const column = table === 'tenant' ? 'id' : 'tenant_id';
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`
        CREATE POLICY tenant_isolation ON ${table} TO claviger_app
        USING (${column} = NULLIF(current_setting('claviger.tenant', true), ''))`);
      await runner.query(
        `CREATE POLICY system_jobs ON ${table} TO claviger_system USING (true) WITH CHECK (true)`,
      );
    }
    await runner.query(`GRANT SELECT ON tenant, tenant_kek TO claviger_app`);
    await runner.query(`GRANT SELECT, INSERT, UPDATE ON tenant, tenant_kek, platform_key TO claviger_system`);
    await runner.query(`GRANT SELECT, INSERT, DELETE ON root_key TO claviger_system`);
    await runner.query(`GRANT SELECT ON schema_migration TO claviger_app, claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE platform_key, tenant_kek, root_key, tenant`);
  }
}
