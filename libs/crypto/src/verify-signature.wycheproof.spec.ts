import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '#kernel';
import { parsePublicKey, type ParsedPublicKey } from './public-key-import.js';
import { SIGNATURE_TABLE, fits, type SignatureRow } from './signature-table.js';
import { verifySignature } from './verify-signature.js';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly msg: string;
  readonly sig: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

interface VectorGroup {
  readonly publicKeyDer?: string;
  readonly sha?: string;
  readonly mgfSha?: string;
  readonly sLen?: number;
  readonly tests: readonly Vector[];
}

interface VectorFile {
  readonly schema: string;
  readonly numberOfTests: number;
  readonly testGroups: readonly VectorGroup[];
}

const FOLDER = '../shared/vectors/wycheproof';

const SCHEMAS: Readonly<Record<string, { scheme: SignatureRow['scheme']; format: 'der' | 'raw' }>> = {
  'ecdsa_verify_schema_v1.json': { scheme: 'ecdsa', format: 'der' },
  'ecdsa_p1363_verify_schema_v1.json': { scheme: 'ecdsa', format: 'raw' },
  'eddsa_verify_schema_v1.json': { scheme: 'pure', format: 'der' },
  'rsassa_pkcs1_verify_schema_v1.json': { scheme: 'pkcs1', format: 'der' },
  'rsassa_pss_verify_schema_v1.json': { scheme: 'pss', format: 'der' },
};

const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];

const read = (name: string): VectorFile => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as VectorFile;

const keyOf = (group: VectorGroup): ParsedPublicKey =>
  parsePublicKey(Buffer.from(group.publicKeyDer ?? '', 'hex'));

function rowOf(group: VectorGroup, schema: string): SignatureRow | undefined {
  const hash = group.sha?.toLowerCase().replace('-', '');
  if (group.mgfSha !== undefined && group.mgfSha !== group.sha) return undefined;
  const { spec } = keyOf(group);
  return SIGNATURE_TABLE.find(
    (row) => fits(row, spec) && row.scheme === SCHEMAS[schema]?.scheme && row.hash === hash,
  );
}

/** Files of other algorithms may stand beside those of ours. */
function isOffered(name: string): boolean {
  const { schema, testGroups } = read(name);
  try {
    return testGroups.every((group) => rowOf(group, schema) !== undefined);
  } catch (error) {
    if (error instanceof AppError && /not supported/.test(error.detail)) return false;
    throw error;
  }
}

async function answer(group: VectorGroup, test: Vector, schema: string): Promise<string> {
  const { spki, spec } = keyOf(group);
  const data = Buffer.from(test.msg, 'hex');
  const signature = Buffer.from(test.sig, 'hex');
  const salt = group.sLen === undefined ? {} : { saltLength: group.sLen };
  const row = rowOf(group, schema)!;
  const format = SCHEMAS[schema]!.format;
  try {
    const valid = await verifySignature({ spki, spec, row, type: 'raw', data, signature, format, ...salt });
    return valid ? 'valid' : 'invalid';
  } catch (error) {
    return (error as AppError).code;
  }
}

describe.skipIf(files.length === 0)('Wycheproof vectors (skipped where the folder is absent)', () => {
  it.each(files.filter(isOffered))(
    'every vector of %s is answered as it demands, empty messages by 400',
    async (name) => {
      const file = read(name);
      const wrong: string[] = [];
      let answered = 0;
      for (const group of file.testGroups) {
        for (const test of group.tests) {
          answered += 1;
          const got = await answer(group, test, file.schema);
          const accepted = test.result === 'acceptable' ? ['valid', 'invalid'] : [test.result];
          const expected = test.msg === '' ? ['validation_failed'] : accepted;
          if (!expected.includes(got))
            wrong.push(`${test.tcId} ${test.comment}: ${got}, not ${expected.join(' or ')}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(answered).toBe(file.numberOfTests);
    },
  );
});
