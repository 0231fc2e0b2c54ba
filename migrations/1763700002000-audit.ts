import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The audit log: hash chains per tenant and lane, written only through audit_append(). Lanes let processes
 * append for one tenant without waiting for each other's commits (docs/adr/0004-audit-lanes.md).
 */
export class Audit1763700002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_head (
        tenant_id text COLLATE "C" NOT NULL,
        lane      smallint NOT NULL,
        seq       bigint NOT NULL,
        hash      bytea NOT NULL,
        PRIMARY KEY (tenant_id, lane)
      )`);
    await runner.query(`
      CREATE TABLE audit_event (
        tenant_id  text COLLATE "C" NOT NULL,
        lane       smallint NOT NULL,
        seq        bigint NOT NULL,
        event_id   text COLLATE "C" NOT NULL,
        ts         timestamptz(3) NOT NULL,
        action     text COLLATE "C" NOT NULL,
        outcome    text COLLATE "C" NOT NULL,
        actor      text NOT NULL,
        request_id text COLLATE "C" NOT NULL,
        key_id     text COLLATE "C",
        body       text NOT NULL,
        hash       bytea NOT NULL,
        PRIMARY KEY (tenant_id, lane, seq)
      )`);
    await runner.query(`CREATE INDEX audit_event_time ON audit_event (tenant_id, ts, event_id)`);
    // How far checkpoints go; apart from the heads, whose rows are locked at every append.
    await runner.query(`
      CREATE TABLE audit_signed (
        tenant_id text COLLATE "C" NOT NULL,
        lane      smallint NOT NULL,
        seq       bigint NOT NULL,
        PRIMARY KEY (tenant_id, lane)
      )`);
    await runner.query(`
      CREATE TABLE audit_checkpoint (
        id         text COLLATE "C" PRIMARY KEY,
        body       text NOT NULL,
        signature  bytea NOT NULL,
        created_ts timestamptz(3) NOT NULL DEFAULT now()
      )`);

    for (const table of ['audit_head', 'audit_event']) {
      await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
      await runner.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`);
      await runner.query(`CREATE POLICY append ON ${table} TO CURRENT_USER USING (true) WITH CHECK (true)`);
      await runner.query(`CREATE POLICY system_jobs ON ${table} FOR SELECT TO claviger_system USING (true)`);
      await runner.query(`GRANT SELECT ON ${table} TO claviger_system`);
    }
    await runner.query(`ALTER TABLE audit_signed ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE audit_signed FORCE ROW LEVEL SECURITY`);
    await runner.query(
      `CREATE POLICY system_jobs ON audit_signed TO claviger_system USING (true) WITH CHECK (true)`,
    );
    await runner.query(`GRANT SELECT, INSERT, UPDATE ON audit_signed TO claviger_system`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON audit_event FOR SELECT TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`GRANT SELECT ON audit_event TO claviger_app`);
    await runner.query(
      `CREATE POLICY system_signing ON audit_head FOR UPDATE TO claviger_system USING (true)`,
    );
    await runner.query(`GRANT SELECT, INSERT ON audit_checkpoint TO claviger_system`);

    // What the gate of audit_append() looks at.
    await runner.query(`CREATE POLICY audit_gate ON kms_key FOR SELECT TO CURRENT_USER USING (true)`);
    await runner.query(`CREATE POLICY audit_gate ON tenant FOR SELECT TO CURRENT_USER USING (true)`);

    await runner.query(APPEND);
    await runner.query(RELEASE);
    await runner.query(
      `REVOKE ALL ON FUNCTION audit_append(smallint, boolean, text[], text[], text[]) FROM PUBLIC`,
    );
    await runner.query(`REVOKE ALL ON FUNCTION audit_release(text[]) FROM PUBLIC`);
    await runner.query(`GRANT EXECUTE ON FUNCTION audit_release(text[]) TO claviger_app`);
    await runner.query(`
      GRANT EXECUTE ON FUNCTION audit_append(smallint, boolean, text[], text[], text[]) TO claviger_app, claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION audit_release(text[])`);
    await runner.query(`DROP FUNCTION audit_append(smallint, boolean, text[], text[], text[])`);
    await runner.query(`DROP POLICY audit_gate ON tenant`);
    await runner.query(`DROP POLICY audit_gate ON kms_key`);
    await runner.query(`DROP TABLE audit_checkpoint, audit_signed, audit_event, audit_head`);
  }
}

/**
 * Appends a batch, sorted by tenant. A record with a key is gated: it is inserted only while that key and its
 * tenant are enabled, and left out of the answer otherwise. With p_hold, each tenant of gated records is locked
 * once (shared, session) until audit_release(), so that a revocation waits until the answers are out. Where a
 * revocation is under way, nobody waits for it: those records are answered with no number, to be tried again.
 */
const APPEND = `
  CREATE FUNCTION audit_append(p_lane smallint, p_hold boolean, p_tenants text[], p_keys text[], p_bodies text[])
  RETURNS TABLE (ord integer, seq bigint, hash bytea)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $function$
  #variable_conflict use_column
  DECLARE
    v_tenant text;
    v_held   text;
    v_locked boolean;
    v_key    text;
    v_open   boolean;
    v_seq    bigint;
    v_hash   bytea;
    v_body   jsonb;
    i        integer;
  BEGIN
    IF cardinality(p_tenants) <> cardinality(p_bodies) OR cardinality(p_keys) <> cardinality(p_bodies) THEN
      RAISE EXCEPTION 'audit_append: arrays differ in length';
    END IF;
    FOR i IN 1 .. cardinality(p_tenants) LOOP
      IF p_keys[i] IS NOT NULL AND p_hold AND v_held IS DISTINCT FROM p_tenants[i] THEN
        v_held := p_tenants[i];
        v_locked := pg_try_advisory_lock_shared(4827302, hashtext(v_held));
      END IF;
      IF p_keys[i] IS NOT NULL AND p_hold AND NOT v_locked THEN
        ord := i;
        seq := NULL;
        hash := NULL;
        RETURN NEXT;
        CONTINUE;
      END IF;
      IF v_tenant IS DISTINCT FROM p_tenants[i] THEN
        IF p_tenants[i] COLLATE "C" < v_tenant COLLATE "C" THEN
          RAISE EXCEPTION 'audit_append: the batch is not sorted by tenant';
        END IF;
        IF v_tenant IS NOT NULL THEN
          UPDATE audit_head h SET seq = v_seq, hash = v_hash WHERE h.tenant_id = v_tenant AND h.lane = p_lane;
        END IF;
        v_tenant := p_tenants[i];
        v_key := NULL;
        LOOP
          SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h
           WHERE h.tenant_id = v_tenant AND h.lane = p_lane FOR UPDATE;
          EXIT WHEN FOUND;
          INSERT INTO audit_head (tenant_id, lane, seq, hash) VALUES (v_tenant, p_lane, 0, '')
          ON CONFLICT DO NOTHING;
        END LOOP;
      END IF;
      IF p_keys[i] IS NOT NULL THEN
        IF v_key IS DISTINCT FROM p_keys[i] THEN
          v_key := p_keys[i];
          v_open := EXISTS (
            SELECT 1 FROM kms_key k JOIN tenant t ON t.id = k.tenant_id
             WHERE k.tenant_id = v_tenant AND k.key_id = v_key AND k.state = 'enabled' AND t.state = 'active');
        END IF;
        CONTINUE WHEN NOT v_open;
      END IF;
      v_seq := v_seq + 1;
      v_hash := sha256(v_hash || convert_to(v_tenant || E'\\n' || p_lane || E'\\n' || v_seq || E'\\n' || p_bodies[i], 'UTF8'));
      v_body := p_bodies[i]::jsonb;
      INSERT INTO audit_event (tenant_id, lane, seq, event_id, ts, action, outcome, actor, request_id, key_id, body, hash)
      VALUES (v_tenant, p_lane, v_seq, v_body ->> 'event_id', (v_body ->> 'ts')::timestamptz, v_body ->> 'action',
              v_body ->> 'outcome', v_body ->> 'actor', v_body ->> 'request_id', v_body ->> 'key_id', p_bodies[i], v_hash);
      ord := i;
      seq := v_seq;
      hash := v_hash;
      RETURN NEXT;
    END LOOP;
    IF v_tenant IS NOT NULL THEN
      UPDATE audit_head h SET seq = v_seq, hash = v_hash WHERE h.tenant_id = v_tenant AND h.lane = p_lane;
    END IF;
  END
  $function$`;

/** Ends what audit_append(p_hold => true) held for these tenants in this session. */
const RELEASE = `
  CREATE FUNCTION audit_release(p_tenants text[]) RETURNS void
  LANGUAGE sql SET search_path = pg_catalog, pg_temp
  AS $function$
    SELECT pg_advisory_unlock_shared(4827302, hashtext(t)) FROM unnest(p_tenants) t
  $function$`;
