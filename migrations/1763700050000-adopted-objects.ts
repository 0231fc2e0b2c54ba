import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Private keys that were in a device before Claviger, each of which one key of one tenant stands for. They are told apart
 * by their public keys: a device that is registered twice, or that has two names for an object, has it once all the same.
 * So the primary key is led by no tenant, as the only one: it holds between tenants, who see nothing of it.
 *
 * What was adopted before is not in it: there has been no release with adoption.
 */
export class AdoptedObjects1763700050000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE adopted_object (
        fingerprint text COLLATE "C" PRIMARY KEY,
        tenant_id   text COLLATE "C" NOT NULL,
        key_id      text COLLATE "C" NOT NULL,
        UNIQUE (tenant_id, key_id),
        FOREIGN KEY (tenant_id, key_id) REFERENCES kms_key (tenant_id, key_id)
      )`);
    await runner.query(`ALTER TABLE adopted_object ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE adopted_object FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON adopted_object TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`GRANT SELECT, INSERT, DELETE ON adopted_object TO claviger_app`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE adopted_object`);
  }
}
