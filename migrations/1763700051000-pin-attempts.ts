import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What became of each PIN when it was last sent to its token, for all processes. `credential` is an HMAC of token and PIN
 * under a key that the root wraps: of a PIN's few digits any plain digest would be guessed. While it is being sent,
 * `before` is what was known of it.
 */
export class PinAttempts1763700051000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE pin_attempt (
        credential bytea PRIMARY KEY,
        state      text COLLATE "C" NOT NULL CHECK (state IN ('sent', 'accepted', 'refused')),
        before     text COLLATE "C" CHECK (before IN ('accepted', 'refused')),
        attempt_id uuid NOT NULL,
        sent_ts    timestamptz(3) NOT NULL DEFAULT now()
      )`);
    await runner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON pin_attempt TO claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE pin_attempt`);
  }
}
