import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, refusal } from '../../harness/kms-caller.js';

interface Engine {
  id: string;
  type: string;
  supported_key_types: { type: string; sizes: number[] }[];
  default: boolean;
  [member: string]: unknown;
}

const MEMBERS = [
  'capabilities',
  'default',
  'health',
  'id',
  'metadata',
  'name',
  'provider',
  'security_level',
  'state',
  'supported_key_types',
  'type',
];

describe('GET /engines', () => {
  let app: TestApp;
  let client: KmsCaller;

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_SOFTWARE_ENGINES: 'golang,filesystem-1' } });
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('200 with every engine under the id that the operator named it by, the first one the default', async () => {
    const { status, body } = await client.call<Engine[]>('GET', `${KMS}/engines`);
    expect(status).toBe(200);
    expect(body.map(({ id, type, default: chosen }) => [id, type, chosen])).toEqual([
      ['golang', 'SOFTWARE', true],
      ['filesystem-1', 'SOFTWARE', false],
    ]);
    for (const engine of body) {
      expect(Object.keys(engine).sort()).toEqual(MEMBERS);
      expect(engine).toMatchObject({
        state: 'ready',
        health: { status: 'ok', latency_ms: expect.any(Number) as number },
        capabilities: expect.arrayContaining(['generate', 'import', 'sign', 'sign-digest']) as string[],
      });
    }
  });

  it('tells the kinds of key that can then be made, each size of them', async () => {
    const { body } = await client.call<Engine[]>('GET', `${KMS}/engines`);
    for (const { id, supported_key_types: types } of body) {
      expect(types.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['RSA', 'ECDSA', 'ECDSA_SECP256K1', 'Ed25519']),
      );
      for (const { type: algorithm, sizes } of types.filter(({ type }) => type !== 'RSA')) {
        for (const size of sizes) {
          const answer = await client.call('POST', KEYS, { algorithm, size, engine_id: id, name: 'told' });
          expect([algorithm, size, answer.status]).toEqual([algorithm, size, 201]);
        }
      }
    }
  });

  it('401 without a token, 403 without the permission', async () => {
    const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:write');
    expect(refusal(await app.call('GET', `${KMS}/engines`))).toEqual([401, 'unauthenticated']);
    expect(refusal(await reader.call('GET', `${KMS}/engines`))).toEqual([403, 'forbidden']);
  });
});
