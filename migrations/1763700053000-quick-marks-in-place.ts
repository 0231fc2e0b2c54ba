import type { MigrationInterface, QueryRunner } from 'typeorm';
import { KeyMatches1763700003000 } from './1763700003000-key-matches.js';
import { QuickMarks1763700052000 } from './1763700052000-quick-marks.js';

/** Puts the quick marks in the place of those before them, which takes a moment, and lets key_matches() find them. */
export class QuickMarksInPlace1763700053000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX kms_key_marks`);
    await runner.query(`DROP FUNCTION key_marks(${ARGUMENTS})`);
    await runner.query(`DROP FUNCTION key_member_marks(text, text, jsonb, integer)`);
    await runner.query(`ALTER INDEX kms_key_quick_marks RENAME TO kms_key_marks`);
    await runner.query(`ALTER FUNCTION key_quick_marks(${ARGUMENTS}) RENAME TO key_marks`);
    await runner.query('DROP FUNCTION key_mark(text, text)');
    await runner.query(MARKS_IN);
    await runner.query('REVOKE ALL ON FUNCTION key_marks_in(text, text, text[]) FROM PUBLIC');
    await runner.query(MATCHES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX kms_key_marks`);
    for (const signature of IN_PLACE) await runner.query(`DROP FUNCTION ${signature}`);
    await new KeyMatches1763700003000().up(runner);
    await new QuickMarks1763700052000().up(runner);
  }
}

const ARGUMENTS = 'text, text, text, text, text, text, integer, boolean, text[], text[], jsonb';
const IN_PLACE = [
  'key_matches(text[], timestamptz, text, boolean, integer)',
  'key_marks_in(text, text, text[])',
  `key_marks(${ARGUMENTS})`,
  'key_member_marks(bytea, text, jsonb, integer)',
  'key_mark(bytea, text)',
  'key_space(text, text)',
];

const MARKS =
  'key_marks(k.tenant_id, k.name, k.engine_id, k.algorithm, k.state, k.origin, k.size, k.has_private_key, k.tags, k.aliases, k.metadata)';

/** OFFSET 0 keeps every other condition, and so every other index, outside. */
const matches = (rest: string): string => `
      RETURN QUERY
        SELECT f.creation_ts::timestamptz, f.key_id
          FROM (SELECT k.tenant_id, k.creation_ts, k.key_id FROM kms_key k
                 WHERE k.state <> 'destroyed'
                   AND (${MARKS} @> v_enabled OR ${MARKS} @> v_disabled OR ${MARKS} @> v_doomed) OFFSET 0) f
         WHERE f.tenant_id = v_tenant ${rest} LIMIT p_limit;`;

const matchesInOrder = (comparison: '>' | '<', direction: '' | 'DESC'): string =>
  matches(`
           AND (p_after_ts IS NULL OR (f.creation_ts, f.key_id) ${comparison} (p_after_ts, p_after_id))
         ORDER BY f.creation_ts ${direction}, f.key_id ${direction}`);

/** The marks of terms in one state. That of the state itself is left out beside others: there, every key has it. */
const MARKS_IN = `
  CREATE FUNCTION key_marks_in(p_tenant text, p_state text, p_terms text[]) RETURNS bytea[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT key_mark(key_space(p_tenant, p_state), t)
                 FROM unnest(COALESCE(NULLIF(array_remove(p_terms, 's:' || p_state), '{}'), p_terms)) t)`;

/** Looks into every live state. In one that was not asked for, nothing has the mark of the one that was: GIN ends at once. */
const MATCHES = `
  CREATE OR REPLACE FUNCTION key_matches(p_terms text[], p_after_ts timestamptz, p_after_id text, p_descending boolean,
                                         p_limit integer)
  RETURNS TABLE (creation_ts timestamptz, key_id text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off SET enable_indexscan = off SET enable_bitmapscan = on
  SET max_parallel_workers_per_gather = 0 SET work_mem = '32MB'
  AS $function$
  #variable_conflict use_column
  DECLARE
    v_tenant   text := NULLIF(current_setting('claviger.tenant', true), '');
    v_enabled  bytea[] := key_marks_in(v_tenant, 'enabled', p_terms);
    v_disabled bytea[] := key_marks_in(v_tenant, 'disabled', p_terms);
    v_doomed   bytea[] := key_marks_in(v_tenant, 'pending_deletion', p_terms);
  BEGIN
    IF v_tenant IS NULL OR COALESCE(cardinality(p_terms), 0) = 0 THEN
      RAISE EXCEPTION 'key_matches: no tenant, or nothing asked for';
    END IF;
    CASE p_descending
      WHEN true THEN ${matchesInOrder('<', 'DESC')}
      WHEN false THEN ${matchesInOrder('>', '')}
      ELSE ${matches('')}
    END CASE;
  END
  $function$`;
