import type { MigrationInterface, QueryRunner } from 'typeorm';

const MARKED =
  'tenant_id, name, engine_id, algorithm, state, origin, size, has_private_key, tags, aliases, metadata';

/**
 * Marks that cost little more than half (docs/adr/0007-equalities-intersect-in-one-index.md): SHA-256, 5 µs a call, is
 * for a key's tenant and state only, and its values are hashed by what hash indexes hash with. A state and another value
 * are found by one mark. Built beside those that are in use, so that keys are read, listed and signed with meanwhile; who
 * writes keys waits. The next migration puts them in their place.
 */
export class QuickMarks1763700052000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const text of [SPACE, MARK, MEMBER_MARKS, ALL_MARKS]) await runner.query(text);
    for (const signature of SIGNATURES) {
      await runner.query(`REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`);
      await runner.query(`GRANT EXECUTE ON FUNCTION ${signature} TO claviger_app`);
    }
    await runner.query(`
      CREATE INDEX kms_key_quick_marks ON kms_key USING gin (key_quick_marks(${MARKED}))
        WITH (fastupdate = off) WHERE state <> 'destroyed'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX kms_key_quick_marks`);
    for (const signature of SIGNATURES.toReversed()) await runner.query(`DROP FUNCTION ${signature}`);
  }
}

const SIGNATURES = [
  'key_space(text, text)',
  'key_mark(bytea, text)',
  'key_member_marks(bytea, text, jsonb, integer)',
  'key_quick_marks(text, text, text, text, text, text, integer, boolean, text[], text[], jsonb)',
];

/** What the marks of a tenant's keys in one state begin with: nobody meets another tenant's by trying. */
const SPACE = `
  CREATE FUNCTION key_space(p_tenant text, p_state text) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN substr(sha256(convert_to(p_tenant || ' ' || p_state, 'UTF8')), 1, 8)`;

/** Sixteen bytes. A tenant that makes two of its values meet reads some of its own rows for nothing. */
const MARK = `
  CREATE FUNCTION key_mark(p_space bytea, p_term text) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN p_space || int8send(hashtextextended(p_term, 0))`;

/** Of the scalars in a metadata object, as deep as filters go; numbers in their plainest spelling. */
const MEMBER_MARKS = `
  CREATE FUNCTION key_member_marks(p_space bytea, p_path text, p_object jsonb, p_depth integer) RETURNS bytea[]
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
          v_marks := v_marks || public.key_mark(p_space, v_path || '=' || (v_value #>> '{}'));
        WHEN 'number' THEN
          v_marks := v_marks || public.key_mark(p_space, v_path || '=' || trim_scale((v_value #>> '{}')::numeric));
        WHEN 'object' THEN
          IF p_depth > 1 THEN
            v_marks := v_marks || public.key_member_marks(p_space, v_path, v_value, p_depth - 1);
          END IF;
        ELSE NULL;
      END CASE;
    END LOOP;
    RETURN v_marks;
  END
  $function$`;

/** Everything of a key that equality can ask for. Names are qualified: an index is made under a search path of its own. */
const ALL_MARKS = `
  CREATE FUNCTION key_quick_marks(p_tenant text, p_name text, p_engine text, p_algorithm text, p_state text,
                                  p_origin text, p_size integer, p_private boolean, p_tags text[],
                                  p_aliases text[], p_metadata jsonb)
  RETURNS bytea[]
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
  AS $function$
  DECLARE
    v_space   bytea := public.key_space(p_tenant, p_state);
    v_marks   bytea[];
    v_element text;
  BEGIN
    v_marks := ARRAY[
      public.key_mark(v_space, 'n:' || p_name), public.key_mark(v_space, 'e:' || p_engine),
      public.key_mark(v_space, 'g:' || p_algorithm), public.key_mark(v_space, 's:' || p_state),
      public.key_mark(v_space, 'o:' || p_origin), public.key_mark(v_space, 'z:' || p_size),
      public.key_mark(v_space, 'p:' || p_private)];
    FOREACH v_element IN ARRAY p_tags LOOP
      v_marks := v_marks || public.key_mark(v_space, 't:' || v_element);
    END LOOP;
    FOREACH v_element IN ARRAY p_aliases LOOP
      v_marks := v_marks || public.key_mark(v_space, 'a:' || v_element);
    END LOOP;
    RETURN v_marks || public.key_member_marks(v_space, 'm:', p_metadata, 8);
  END
  $function$`;
