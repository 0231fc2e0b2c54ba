import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Wrapping keys that are made in an engine and stay there: their token knows for which kind of key they are, and by which
 * hash keys are wrapped for them. `key_intent` holds them until they are discarded, so there are rows that wait for a day.
 */
export class UnwrappingInEngines1763700040000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE import_token
        ALTER COLUMN wrapping_key DROP NOT NULL,
        ADD COLUMN algorithm text COLLATE "C",
        ADD COLUMN size integer,
        ADD COLUMN oaep_hash text COLLATE "C" CHECK (oaep_hash IN ('sha1', 'sha256')),
        ADD CONSTRAINT import_token_kind_check CHECK ((algorithm IS NULL) = (size IS NULL)),
        ADD CONSTRAINT import_token_place_check CHECK (
          (wrapping_key IS NULL) = (oaep_hash IS NOT NULL) AND (oaep_hash IS NULL OR algorithm IS NOT NULL))`);
    await runner.query(`CREATE INDEX key_intent_due ON key_intent (due_ts)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX key_intent_due`);
    await runner.query(`DELETE FROM import_token WHERE wrapping_key IS NULL`);
    await runner.query(`
      ALTER TABLE import_token
        DROP COLUMN oaep_hash, DROP COLUMN size, DROP COLUMN algorithm,
        ALTER COLUMN wrapping_key SET NOT NULL`);
  }
}
