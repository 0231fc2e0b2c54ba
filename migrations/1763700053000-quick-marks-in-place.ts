import type { MigrationInterface, QueryRunner } from 'typeorm';
import { KeyMatches1763700003000 } from './1763700003000-key-matches.js';
import { QuickMarks1763700052000 } from './1763700052000-quick-marks.js';

/** Puts the quick marks in the place of those before them, which takes a moment: key_matches() finds them by that name. */
export class QuickMarksInPlace1763700053000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX kms_key_marks`);
    await runner.query(`DROP FUNCTION key_marks(${ARGUMENTS})`);
    await runner.query(`DROP FUNCTION key_member_marks(text, text, jsonb, integer)`);
    await runner.query(`ALTER INDEX kms_key_quick_marks RENAME TO kms_key_marks`);
    await runner.query(`ALTER FUNCTION key_quick_marks(${ARGUMENTS}) RENAME TO key_marks`);
    await runner.query(MARK_OF_TENANT);
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
  `key_marks(${ARGUMENTS})`,
  'key_member_marks(bytea, text, jsonb, integer)',
  'key_mark(text, text)',
  'key_mark(bytea, text)',
  'key_space(text)',
];

/** For who asks about a single one, as key_matches() does. */
const MARK_OF_TENANT = `
  CREATE OR REPLACE FUNCTION key_mark(p_tenant text, p_term text) RETURNS bytea
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN key_mark(key_space(p_tenant), p_term)`;
