import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * audit_append() takes a batch as one JSON text, grouped by tenant, and answers a row a tenant instead of a row a
 * record; it also ends earlier holds. What that saves is most of what a record cost its process beside the signature.
 */
export class AuditAppendByTenant1763700010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION ${SIGNATURE_BEFORE}`);
    await runner.query(APPEND);
    await runner.query(`REVOKE ALL ON FUNCTION ${SIGNATURE} FROM PUBLIC`);
    await runner.query(`GRANT EXECUTE ON FUNCTION ${SIGNATURE} TO claviger_app, claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION ${SIGNATURE}`);
    await runner.query(APPEND_BEFORE);
    await runner.query(`REVOKE ALL ON FUNCTION ${SIGNATURE_BEFORE} FROM PUBLIC`);
    await runner.query(`GRANT EXECUTE ON FUNCTION ${SIGNATURE_BEFORE} TO claviger_app, claviger_system`);
  }
}

const SIGNATURE_BEFORE = 'audit_append(smallint, boolean, text[], text[], text[])';
const SIGNATURE = 'audit_append(smallint, boolean, text[], text[], integer[], integer[], json)';

/**
 * Appends a batch: for each tenant, in byte order and each once, first p_free[i] records that are inserted in any
 * case and then p_gated[i] that tell of the use of a key: those are inserted only while the key that they name and
 * its tenant are enabled. With p_hold, a tenant of gated records is locked once (shared, session) until it comes in
 * p_release, or in audit_release(), so that a revocation waits until the answers are out. Where a revocation is under
 * way, nobody waits for it: the tenant is answered as deferred, and its gated records are to be tried again.
 *
 * Answers for each tenant the new head of its chain, NULL where nothing was inserted, and which records the gate
 * refused, by their place in the batch, from 1.
 */
const APPEND = `
  CREATE FUNCTION audit_append(p_lane smallint, p_hold boolean, p_release text[], p_tenants text[], p_free integer[],
                               p_gated integer[], p_bodies json)
  RETURNS TABLE (seq bigint, hash bytea, refused integer[], deferred boolean)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $function$
  #variable_conflict use_column
  DECLARE
    v_bodies   text[] := ARRAY(SELECT b.value::text FROM json_array_elements(p_bodies) b);
    v_tenant   text;
    v_previous text;
    v_ord      integer := 0;
    v_last     integer;
    v_body     jsonb;
    v_key      text;
    v_open     boolean;
    v_seq      bigint;
    v_hash     bytea;
    v_before   bigint;
    v_tenants  text[] := '{}';
    v_seqs     bigint[] := '{}';
    v_hashes   bytea[] := '{}';
    v_parsed   jsonb[] := '{}';
    v_texts    text[] := '{}';
    i          integer;
  BEGIN
    IF cardinality(p_release) > 0 THEN
      PERFORM pg_advisory_unlock_shared(4827302, hashtext(t)) FROM unnest(p_release) t;
    END IF;
    IF cardinality(p_tenants) <> cardinality(p_free) OR cardinality(p_tenants) <> cardinality(p_gated)
       OR 0 > ANY (p_free) OR 0 > ANY (p_gated) THEN
      RAISE EXCEPTION 'audit_append: the arrays do not fit each other';
    END IF;
    FOR i IN 1 .. cardinality(p_tenants) LOOP
      v_tenant := p_tenants[i];
      IF v_tenant COLLATE "C" <= v_previous COLLATE "C" THEN
        RAISE EXCEPTION 'audit_append: the tenants are not in order';
      END IF;
      v_previous := v_tenant;
      v_last := v_ord + p_free[i] + p_gated[i];
      refused := '{}';
      deferred := p_hold AND p_gated[i] > 0 AND NOT pg_try_advisory_lock_shared(4827302, hashtext(v_tenant));
      LOOP
        SELECT h.seq, h.hash INTO v_seq, v_hash FROM audit_head h
         WHERE h.tenant_id = v_tenant AND h.lane = p_lane FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO audit_head (tenant_id, lane, seq, hash) VALUES (v_tenant, p_lane, 0, '')
        ON CONFLICT DO NOTHING;
      END LOOP;
      v_before := v_seq;
      v_key := NULL;
      FOR n IN 1 .. p_free[i] + p_gated[i] LOOP
        EXIT WHEN n > p_free[i] AND deferred;
        v_ord := v_ord + 1;
        v_body := v_bodies[v_ord]::jsonb;
        IF n > p_free[i] THEN
          IF v_key IS DISTINCT FROM v_body ->> 'key_id' OR v_open IS NULL THEN
            v_key := v_body ->> 'key_id';
            v_open := EXISTS (
              SELECT 1 FROM kms_key k JOIN tenant t ON t.id = k.tenant_id
               WHERE k.tenant_id = v_tenant AND k.key_id = v_key AND k.state = 'enabled' AND t.state = 'active');
          END IF;
          IF NOT v_open THEN
            refused := refused || v_ord;
            CONTINUE;
          END IF;
        END IF;
        v_seq := v_seq + 1;
        v_hash := sha256(v_hash || convert_to(v_tenant || E'\\n' || p_lane || E'\\n' || v_seq || E'\\n' || v_bodies[v_ord], 'UTF8'));
        v_tenants := v_tenants || v_tenant;
        v_seqs := v_seqs || v_seq;
        v_hashes := v_hashes || v_hash;
        v_parsed := v_parsed || v_body;
        v_texts := v_texts || v_bodies[v_ord];
      END LOOP;
      v_open := NULL;
      v_ord := v_last;
      seq := NULL;
      hash := NULL;
      IF v_seq > v_before THEN
        UPDATE audit_head h SET seq = v_seq, hash = v_hash WHERE h.tenant_id = v_tenant AND h.lane = p_lane;
        seq := v_seq;
        hash := v_hash;
      END IF;
      RETURN NEXT;
    END LOOP;
    IF v_ord <> cardinality(v_bodies) THEN
      RAISE EXCEPTION 'audit_append: the batch has % records, not %', cardinality(v_bodies), v_ord;
    END IF;
    INSERT INTO audit_event (tenant_id, lane, seq, event_id, ts, action, outcome, actor, request_id, key_id, body, hash)
    SELECT r.tenant_id, p_lane, r.seq, r.body ->> 'event_id', (r.body ->> 'ts')::timestamptz, r.body ->> 'action',
           r.body ->> 'outcome', r.body ->> 'actor', r.body ->> 'request_id', r.body ->> 'key_id', r.text, r.hash
      FROM unnest(v_tenants, v_seqs, v_hashes, v_parsed, v_texts) AS r (tenant_id, seq, hash, body, text);
  END
  $function$`;

/** What 1763700002000-audit made. */
const APPEND_BEFORE = `
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
