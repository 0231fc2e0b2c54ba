import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KmsCaller, keyPath } from '../../harness/kms-caller.js';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly msg: string;
  readonly sig: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

interface Group {
  readonly publicKeyDer: string;
  readonly sha?: string;
  readonly sLen?: number;
  readonly publicKey?: { readonly curve?: string };
  readonly tests: readonly Vector[];
}

interface VectorFile {
  readonly schema: string;
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}

const FOLDER = '../shared/vectors/wycheproof';
const AT_ONCE = 32;

const bits = ({ sha = '' }: Group): string => sha.replace('SHA-', '');

/** How a file's signatures are asked about, by its schema. Files of other schemas may stand beside them. */
const REQUESTS: Readonly<Record<string, (group: Group) => object>> = {
  'ecdsa_verify_schema_v1.json': (group) => ({ algorithm: ecdsa(group) }),
  'ecdsa_p1363_verify_schema_v1.json': (group) => ({ algorithm: ecdsa(group), signature_format: 'raw' }),
  'eddsa_verify_schema_v1.json': () => ({ algorithm: 'ED25519' }),
  'rsassa_pkcs1_verify_schema_v1.json': (group) => ({ algorithm: `RSASSA_PKCS1_V1_5_SHA_${bits(group)}` }),
  'rsassa_pss_verify_schema_v1.json': (group) => ({
    algorithm: `RSASSA_PSS_SHA_${bits(group)}`,
    salt_length: group.sLen,
  }),
};

const ecdsa = (group: Group): string =>
  group.publicKey?.curve === 'secp256k1' ? 'ECDSA_SECP256K1_SHA_256' : `ECDSA_SHA_${bits(group)}`;

const FILES = (existsSync(FOLDER) ? readdirSync(FOLDER) : [])
  .filter((name) => name.endsWith('.json'))
  .map((name) => [name, JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as VectorFile] as const)
  .filter(([, { schema }]) => schema in REQUESTS);

describe.skipIf(FILES.length === 0)('Wycheproof, through import of the public key and POST verify', () => {
  let app: TestApp;
  let client: KmsCaller;

  /** The key's id, whether it is new or was imported for another group. */
  async function idOf(group: Group): Promise<string> {
    const { status, body, text } = await client.importKey({
      public_key: Buffer.from(group.publicKeyDer, 'hex'),
    });
    if (status === 201) return body.key_id;
    const { existing_key_id: existing } = body as { existing_key_id?: string };
    if (status === 409 && existing) return existing;
    throw new Error(text);
  }

  async function fault(path: string, request: object, vector: Vector): Promise<string | undefined> {
    const message = Buffer.from(vector.msg, 'hex').toString('base64');
    const signature = Buffer.from(vector.sig, 'hex').toString('base64');
    const { status, body } = await client.call('POST', path, { ...request, message, signature });
    const got = status === 200 ? (body.valid ? 'valid' : 'invalid') : `${status} ${String(body.code)}`;
    const accepted = vector.result === 'acceptable' ? ['valid', 'invalid'] : [vector.result];
    const wanted = message === '' ? ['400 validation_failed'] : accepted;
    return wanted.includes(got)
      ? undefined
      : `${vector.tcId} ${vector.comment}: ${got}, not ${wanted.join(' or ')}`;
  }

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_LOG_LEVEL: 'warn' } });
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it.each(FILES)('%s', async (_, { schema, numberOfTests, testGroups }) => {
    const ids = await Promise.all(testGroups.map(idOf));
    const work = testGroups.flatMap((group, index) => {
      const [path, request] = [keyPath(ids[index]!, '/verify'), REQUESTS[schema]!(group)];
      return group.tests.map((vector) => () => fault(path, request, vector));
    });
    expect(work).toHaveLength(numberOfTests);
    const faults: (string | undefined)[] = [];
    const queue = work.values();
    const drain = async (): Promise<void> => {
      for (const ask of queue) faults.push(await ask());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, drain));
    expect(faults.filter((one) => one !== undefined)).toEqual([]);
    expect(faults).toHaveLength(numberOfTests);
  });
});
