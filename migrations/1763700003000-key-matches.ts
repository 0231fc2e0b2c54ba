import type { MigrationInterface, QueryRunner } from 'typeorm';

const MARKED =
  'tenant_id, name, engine_id, algorithm, state, origin, size, has_private_key, tags, aliases, metadata';
const MARKS = `key_marks(${MARKED.split(', ')
  .map((column) => `k.${column}`)
  .join(', ')})`;

/**
 * Finds the keys that meet several equalities at once (docs/adr/0007-equalities-intersect-in-one-index.md): one GIN
 * index over marks, which are hashes of tenant and value, and one function that reads it. Under row-level security
 * the application's role itself cannot use it: array operators are not LEAKPROOF.
 */
export class KeyMatches1763700003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(MARK);
    await runner.query(MEMBER_MARKS);
    await runner.query(ALL_MARKS);
    // Without a list of pending entries, which every reader would have to pass through.
    await runner.query(`
      CREATE INDEX kms_key_marks ON kms_key USING gin (key_marks(${MARKED}))
        WITH (fastupdate = off) WHERE state <> 'destroyed'`);
    await runner.query(MATCHES);
    for (const signature of SIGNATURES) {
      await runner.query(`REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`);
      await runner.query(`GRANT EXECUTE ON FUNCTION ${signature} TO claviger_app`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX kms_key_marks`);
    for (const signature of [...SIGNATURES].reverse()) await runner.query(`DROP FUNCTION ${signature}`);
  }
}

const SIGNATURES = [
  'key_mark(text, text)',
  'key_member_marks(text, text, jsonb, integer)',
  'key_marks(text, text, text, text, text, text, integer, boolean, text[], text[], jsonb)',
  'key_matches(text[], timestamptz, text, boolean, integer)',
];

/** Eight bytes of SHA-256: what another tenant's value hashes to, nobody meets by trying. */
const MARK = `
  CREATE FUNCTION key_mark(p_tenant text, p_term text) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN substr(sha256(convert_to(p_tenant || ' ' || p_term, 'UTF8')), 1, 8)`;

/** Of the scalars in a metadata object, as deep as filters go; numbers in their plainest spelling. */
const MEMBER_MARKS = `
  CREATE FUNCTION key_member_marks(p_tenant text, p_path text, p_object jsonb, p_depth integer) RETURNS bytea[]
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  AS $function$
  DECLARE
    v_marks bytea[] := '{}';
    v_name  text;
    v_value jsonb;
    v_path  text;
  BEGIN
    FOR v_name, v_value IN SELECT m.key, m.value FROM jsonb_each(p_object) m LOOP
      v_path := p_path || length(v_name) || ':' || v_name;
      CASE jsonb_typeof(v_value)
        WHEN 'string', 'boolean' THEN
          v_marks := v_marks || public.key_mark(p_tenant, v_path || '=' || (v_value #>> '{}'));
        WHEN 'number' THEN
          v_marks := v_marks || public.key_mark(p_tenant, v_path || '=' || trim_scale((v_value #>> '{}')::numeric));
        WHEN 'object' THEN
          IF p_depth > 1 THEN
            v_marks := v_marks || public.key_member_marks(p_tenant, v_path, v_value, p_depth - 1);
          END IF;
        ELSE NULL;
      END CASE;
    END LOOP;
    RETURN v_marks;
  END
  $function$`;

/** Everything of a key that equality can ask for. Names are qualified: an index is made under a search path of its own. */
const ALL_MARKS = `
  CREATE FUNCTION key_marks(p_tenant text, p_name text, p_engine text, p_algorithm text, p_state text, p_origin text,
                            p_size integer, p_private boolean, p_tags text[], p_aliases text[], p_metadata jsonb)
  RETURNS bytea[]
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  AS $function$
  DECLARE
    v_marks   bytea[];
    v_element text;
  BEGIN
    v_marks := ARRAY[
      public.key_mark(p_tenant, 'n:' || p_name), public.key_mark(p_tenant, 'e:' || p_engine),
      public.key_mark(p_tenant, 'g:' || p_algorithm), public.key_mark(p_tenant, 's:' || p_state),
      public.key_mark(p_tenant, 'o:' || p_origin), public.key_mark(p_tenant, 'z:' || p_size),
      public.key_mark(p_tenant, 'p:' || p_private)];
    FOREACH v_element IN ARRAY p_tags LOOP
      v_marks := v_marks || public.key_mark(p_tenant, 't:' || v_element);
    END LOOP;
    FOREACH v_element IN ARRAY p_aliases LOOP
      v_marks := v_marks || public.key_mark(p_tenant, 'a:' || v_element);
    END LOOP;
    RETURN v_marks || public.key_member_marks(p_tenant, 'm:', p_metadata, 8);
  END
  $function$`;

/** OFFSET 0 keeps every other condition, and so every other index, outside. */
const matches = (rest: string): string => `
      RETURN QUERY
        SELECT f.creation_ts::timestamptz, f.key_id
          FROM (SELECT k.tenant_id, k.creation_ts, k.key_id FROM kms_key k
                 WHERE k.state <> 'destroyed' AND ${MARKS} @> v_marks OFFSET 0) f
         WHERE f.tenant_id = v_tenant ${rest} LIMIT p_limit;`;

const matchesInOrder = (comparison: '>' | '<', direction: '' | 'DESC'): string =>
  matches(`
           AND (p_after_ts IS NULL OR (f.creation_ts, f.key_id) ${comparison} (p_after_ts, p_after_id))
         ORDER BY f.creation_ts ${direction}, f.key_id ${direction}`);

/**
 * The live keys of the transaction's tenant that have all these marks, in the order of their creation; with NULL for
 * p_descending in any order, and then none is looked at beyond the limit. The tenant is never an argument. Two values may share a mark: whoever calls looks at each key again. Its settings leave no plan
 * but the one by the index, whatever the statistics say, which are those of all tenants together.
 */
const MATCHES = `
  CREATE FUNCTION key_matches(p_terms text[], p_after_ts timestamptz, p_after_id text, p_descending boolean, p_limit integer)
  RETURNS TABLE (creation_ts timestamptz, key_id text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off SET enable_indexscan = off SET enable_bitmapscan = on
  SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB'
  AS $function$
  #variable_conflict use_column
  DECLARE
    v_tenant text := NULLIF(current_setting('claviger.tenant', true), '');
    v_marks  bytea[] := ARRAY(SELECT key_mark(v_tenant, t) FROM unnest(p_terms) t);
  BEGIN
    IF v_tenant IS NULL OR cardinality(v_marks) = 0 THEN
      RAISE EXCEPTION 'key_matches: no tenant, or nothing asked for';
    END IF;
    CASE p_descending
      WHEN true THEN ${matchesInOrder('<', 'DESC')}
      WHEN false THEN ${matchesInOrder('>', '')}
      ELSE ${matches('')}
    END CASE;
  END
  $function$`;
