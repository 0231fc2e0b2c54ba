import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One-time keys under which private keys are brought in wrapped. `claimed_ts` is when an import that tries one gives up. */
export class ImportTokens1763700035000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE import_token (
        tenant_id    text COLLATE "C" NOT NULL,
        token_id     text COLLATE "C" NOT NULL,
        engine_id    text COLLATE "C" NOT NULL,
        wrapping_key bytea NOT NULL,
        failures     integer NOT NULL DEFAULT 0,
        claimed_ts   timestamptz(3),
        expires_ts   timestamptz(3) NOT NULL,
        PRIMARY KEY (tenant_id, token_id)
      )`);
    await runner.query(`ALTER TABLE import_token ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE import_token FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON import_token TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON import_token TO claviger_app`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE import_token`);
  }
}
