import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finished jobs can be removed, of all tenants, by the system role; unfinished ones by nobody. */
export class JobRemoval1763700046000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX job_finished ON job (finished_ts) WHERE finished_ts IS NOT NULL`);
    await runner.query(`
      CREATE POLICY system_removal ON job FOR DELETE TO claviger_system USING (finished_ts IS NOT NULL)`);
    // A job that gave way is old, and has waited since then only.
    await runner.query(`GRANT SELECT (finished_ts, due_ts), DELETE ON job TO claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`REVOKE SELECT (finished_ts, due_ts), DELETE ON job FROM claviger_system`);
    await runner.query(`DROP POLICY system_removal ON job`);
    await runner.query(`DROP INDEX job_finished`);
  }
}
