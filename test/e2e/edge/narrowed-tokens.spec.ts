import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { bodyFor, fill, readOperations, type Operation } from './api-surface.js';

const KEYS = '/api/kms/v1/keys';
const UNKNOWN_ID = 'key-01900000-0000-7000-8000-000000000000';

interface Key {
  key_id: string;
  pkcs11_uri: string;
}

/** RFC 9396: what a token is not narrowed to is unknown to it, as if it were another tenant's. */
describe('a token narrowed to one key', () => {
  let app: TestApp;
  let operations: Operation[];
  let full: string;
  let seen: Key;
  let hidden: Key;

  const make = async (name: string): Promise<Key> => {
    const body = { algorithm: 'ECDSA', size: 256, name, tags: [`tag-${name}`] };
    const { body: key } = await app.call<Key>('POST', KEYS, { token: full, body });
    const patches = [{ op: 'add', path: '/-', value: `alias-${name}` }];
    await app.call('PUT', `${KEYS}/${key.key_id}/alias`, { token: full, body: { patches } });
    return key;
  };
  const ways = (): { keys?: string[]; aliases?: string[]; tags?: string[] }[] => [
    { keys: [seen.key_id] },
    { aliases: ['alias-seen'] },
    { tags: ['tag-seen'] },
  ];
  const strip = ({ status, text, headers }: Answer): unknown => ({
    status,
    text,
    headers: Object.fromEntries([...headers].filter(([name]) => name !== 'date')),
  });

  beforeAll(async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    full = await app.token('acme');
    operations = await readOperations(app);
    seen = await make('seen');
    hidden = await make('hidden');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('reads and signs with that key', async () => {
    for (const narrowing of ways()) {
      const token = await app.token('acme', undefined, narrowing);
      expect((await app.call('GET', `${KEYS}/${seen.key_id}`, { token })).status).toBe(200);
      const body = { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' };
      expect((await app.call('POST', `${KEYS}/alias-seen/sign`, { token, body })).status).toBe(200);
    }
  });

  it('gets for every other key, on every route, the answer of an unknown one', async () => {
    for (const narrowing of ways()) {
      const token = await app.token('acme', undefined, narrowing);
      for (const operation of operations.filter(({ parameters }) => parameters.includes('id'))) {
        const call = (ref: string): Promise<Answer> =>
          app.call(operation.method, fill(operation, ref), {
            token,
            body: bodyFor(operation),
            headers: { 'x-request-id': 'probe' },
          });
        const unknown = strip(await call(UNKNOWN_ID));
        // What makes a new key is refused before any is looked for.
        expect(unknown).toMatchObject({ status: operation.operationId === 'rotateKey' ? 403 : 404 });
        for (const ref of [hidden.key_id, 'alias-hidden', hidden.pkcs11_uri]) {
          expect([operation.operationId, strip(await call(ref))]).toEqual([operation.operationId, unknown]);
        }
      }
    }
  });

  it('finds only that key in listings, counts and batches', async () => {
    for (const narrowing of ways()) {
      const token = await app.token('acme', undefined, narrowing);
      const list = await app.call<{ list: Key[] }>('GET', KEYS, { token });
      expect(list.body.list.map((key) => key.key_id)).toEqual([seen.key_id]);
      expect((await app.call('GET', '/api/kms/v1/stats', { token })).body.total_keys).toBe(1);
      const sign = { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' };
      const body = [
        { key: hidden.key_id, ...sign },
        { key: seen.key_id, ...sign },
      ];
      const batch = await app.call<{ code?: string }[]>('POST', `${KEYS}/batch/sign`, { token, body });
      expect(batch.body.map(({ code }) => code)).toEqual(['not_found', undefined]);
    }
  });

  it('makes no key, and does not read the audit log, which names all of them', async () => {
    const token = await app.token('acme', undefined, { keys: [seen.key_id] });
    const body = { algorithm: 'ECDSA', size: 256, name: 'more' };
    const refused = [
      await app.call('POST', KEYS, { token, body }),
      await app.call('GET', '/api/platform/v1/audit', { token }),
    ];
    expect(refused.map((answer) => [answer.status, answer.body.code])).toEqual([
      [403, 'forbidden'],
      [403, 'forbidden'],
    ]);
  });
});
