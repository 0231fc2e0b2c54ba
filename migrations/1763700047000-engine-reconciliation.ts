import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What came of comparing a device with the rows of all tenants, and when that is due again; operators alone see it. */
export class EngineReconciliation1763700047000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE engine_reconciliation (
        engine_id text COLLATE "C" PRIMARY KEY,
        due_ts    timestamptz NOT NULL,
        report    jsonb
      )`);
    await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON engine_reconciliation TO claviger_system`);
    // Whose keys are to be looked at; the keys themselves are read as their tenants.
    await runner.query(`
      CREATE FUNCTION engine_tenants(engine text) RETURNS TABLE (tenant_id text)
      LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
      AS $function$
        SELECT c.tenant_id FROM key_count c WHERE c.engine_id = engine GROUP BY c.tenant_id HAVING sum(c.keys) > 0
      $function$`);
    await runner.query(`REVOKE ALL ON FUNCTION engine_tenants(text) FROM PUBLIC`);
    await runner.query(`GRANT EXECUTE ON FUNCTION engine_tenants(text) TO claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION engine_tenants(text)`);
    await runner.query(`DROP TABLE engine_reconciliation`);
  }
}
