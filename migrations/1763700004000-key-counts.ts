import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many live keys each tenant has, by engine and algorithm, as entries to be summed up. Every statement that
 * changes the numbers adds entries of its own, so nobody waits for a counter; now and then one folds those it can
 * lock into one. A trigger does it: no way of writing a key can forget to.
 */
export class KeyCounts1763700004000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE key_count (
        tenant_id text COLLATE "C" NOT NULL,
        engine_id text COLLATE "C" NOT NULL,
        algorithm text COLLATE "C" NOT NULL,
        entry_id  uuid NOT NULL DEFAULT gen_random_uuid(),
        keys      bigint NOT NULL,
        PRIMARY KEY (tenant_id, engine_id, algorithm, entry_id)
      )`);
    await runner.query(`ALTER TABLE key_count ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE key_count FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON key_count FOR SELECT TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`CREATE POLICY counting ON key_count TO CURRENT_USER USING (true) WITH CHECK (true)`);
    await runner.query(`GRANT SELECT ON key_count TO claviger_app`);

    await runner.query(COUNT);
    await runner.query(`REVOKE ALL ON FUNCTION key_count_changes() FROM PUBLIC`);
    for (const [event, tables] of [
      ['insert', 'NEW TABLE AS added'],
      ['update', 'OLD TABLE AS removed NEW TABLE AS added'],
      ['delete', 'OLD TABLE AS removed'],
    ]) {
      await runner.query(`
        CREATE TRIGGER key_count_${event} AFTER ${event} ON kms_key REFERENCING ${tables}
        FOR EACH STATEMENT EXECUTE FUNCTION key_count_changes()`);
    }
    // The triggers' lock keeps writers out until this commits.
    await runner.query(`
      INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
      SELECT tenant_id, engine_id, algorithm, count(*) FROM kms_key WHERE state <> 'destroyed' GROUP BY 1, 2, 3`);
    await runner.query(`DROP INDEX kms_key_census`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX kms_key_census ON kms_key (tenant_id, engine_id, algorithm) WHERE state <> 'destroyed'`,
    );
    for (const event of ['insert', 'update', 'delete']) {
      await runner.query(`DROP TRIGGER key_count_${event} ON kms_key`);
    }
    await runner.query(`DROP FUNCTION key_count_changes()`);
    await runner.query(`DROP TABLE key_count`);
  }
}

/** Folds with every 32nd statement on average, so that a tenant has some dozens of entries, however busy it is. */
const COUNT = `
  CREATE FUNCTION key_count_changes() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $function$
  BEGIN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
      SELECT tenant_id, engine_id, algorithm, count(*) FROM added WHERE state <> 'destroyed' GROUP BY 1, 2, 3;
    ELSIF TG_OP = 'DELETE' THEN
      INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
      SELECT tenant_id, engine_id, algorithm, -count(*) FROM removed WHERE state <> 'destroyed' GROUP BY 1, 2, 3;
    ELSE
      INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
      SELECT tenant_id, engine_id, algorithm, sum(n)
        FROM (SELECT tenant_id, engine_id, algorithm, 1 AS n FROM added WHERE state <> 'destroyed'
              UNION ALL
              SELECT tenant_id, engine_id, algorithm, -1 FROM removed WHERE state <> 'destroyed') AS moved
       GROUP BY 1, 2, 3 HAVING sum(n) <> 0;
    END IF;
    IF FOUND AND random() < 1.0 / 32 THEN
      WITH free AS (
        SELECT tenant_id, engine_id, algorithm, entry_id FROM key_count
         WHERE tenant_id = NULLIF(current_setting('claviger.tenant', true), '') FOR UPDATE SKIP LOCKED),
      folded AS (
        DELETE FROM key_count c USING free f
         WHERE (c.tenant_id, c.engine_id, c.algorithm, c.entry_id) = (f.tenant_id, f.engine_id, f.algorithm, f.entry_id)
        RETURNING c.tenant_id, c.engine_id, c.algorithm, c.keys)
      INSERT INTO key_count (tenant_id, engine_id, algorithm, keys)
      SELECT tenant_id, engine_id, algorithm, sum(keys) FROM folded GROUP BY 1, 2, 3 HAVING sum(keys) <> 0;
    END IF;
    RETURN NULL;
  END
  $function$`;
