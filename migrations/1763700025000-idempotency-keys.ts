import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Requests that bear an Idempotency-Key: a claim before the work, which fixes the id of what is to be made, then the
 * answer. Key and request stand here as MACs under a key of the tenant; tenant and MAC of a claim never change.
 */
export class IdempotencyKeys1763700025000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_key (
        tenant_id   text COLLATE "C" NOT NULL,
        claim_mac   bytea NOT NULL CHECK (length(claim_mac) = 32),
        request_mac bytea NOT NULL CHECK (length(request_mac) = 32),
        object_id   text COLLATE "C" NOT NULL,
        lease_ts    timestamptz(3) NOT NULL,
        expiry_ts   timestamptz(3) NOT NULL,
        answer      text,
        PRIMARY KEY (tenant_id, claim_mac)
      )`);
    await runner.query(`CREATE INDEX idempotency_key_expiry ON idempotency_key (tenant_id, expiry_ts)`);
    await runner.query(`ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON idempotency_key TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`
      GRANT SELECT, INSERT, DELETE, UPDATE (request_mac, object_id, lease_ts, expiry_ts, answer)
      ON idempotency_key TO claviger_app`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE idempotency_key`);
  }
}
