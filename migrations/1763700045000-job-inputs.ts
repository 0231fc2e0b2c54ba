import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a job was given is gone once it has ended, in the statement that ends it: sealed private keys may be in it. */
export class JobInputs1763700045000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION job_erase_input() RETURNS trigger LANGUAGE plpgsql AS $function$
      BEGIN
        NEW.input := 'null'::jsonb;
        RETURN NEW;
      END
      $function$`);
    await runner.query(`REVOKE ALL ON FUNCTION job_erase_input() FROM PUBLIC`);
    await runner.query(`
      CREATE TRIGGER job_erase_input BEFORE INSERT OR UPDATE ON job FOR EACH ROW
      WHEN (NEW.finished_ts IS NOT NULL) EXECUTE FUNCTION job_erase_input()`);
    // Row-level security would show the owner no row.
    await runner.query(`ALTER TABLE job NO FORCE ROW LEVEL SECURITY`);
    await runner.query(`UPDATE job SET input = 'null' WHERE finished_ts IS NOT NULL`);
    await runner.query(`ALTER TABLE job FORCE ROW LEVEL SECURITY`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER job_erase_input ON job`);
    await runner.query(`DROP FUNCTION job_erase_input()`);
  }
}
