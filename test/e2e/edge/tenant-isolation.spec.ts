import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer, type CallOptions } from '../../harness/app.js';
import { bodyFor, fill, readOperations, type Operation } from './api-surface.js';

interface Key {
  key_id: string;
  pkcs11_uri: string;
  aliases: string[];
}

const UNKNOWN_ID = 'key-01900000-0000-7000-8000-000000000000';
const UNKNOWN = {
  id: UNKNOWN_ID,
  alias: 'alias-of-nobody',
  uri: `pkcs11:token-id=software;id=${UNKNOWN_ID};type=private`,
};

describe('a key of another tenant', () => {
  let app: TestApp;
  let operations: Operation[];
  let intruder: string;
  let owner: string;
  const victims: Record<string, Key> = {};

  const make = async (name: string, body: object): Promise<Key> => {
    const made = await app.call<Key>('POST', '/api/kms/v1/keys', { token: owner, body: { name, ...body } });
    const patches = [{ op: 'add', path: '/-', value: `only-globex/${name}` }];
    const path = `/api/kms/v1/keys/${made.body.key_id}/aliases`;
    const { status, body: key } = await app.call<Key>('PUT', path, { token: owner, body: { patches } });
    expect(status).toBe(200);
    return key;
  };

  /** With a request id of the test's own, two answers that tell nothing apart are the same to the last byte. */
  const call = (operation: Operation, ref: string, options: CallOptions = {}): Promise<Answer> =>
    app.call(operation.method, fill(operation, ref), {
      token: intruder,
      body: bodyFor(operation),
      ...options,
      headers: { 'x-request-id': 'probe', ...options.headers },
    });

  const everythingOf = ({ status, text, headers }: Answer): unknown => ({
    status,
    text,
    headers: Object.fromEntries([...headers].filter(([name]) => name !== 'date')),
  });

  const naming = (): Operation[] => operations.filter(({ parameters }) => parameters.includes('id'));
  const snapshot = async (): Promise<string> =>
    (await app.call('GET', '/api/kms/v1/keys', { token: owner })).text;

  beforeAll(async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    await app.tenant('globex');
    operations = await readOperations(app);
    intruder = await app.token('acme');
    owner = await app.token('globex');
    victims.ecdsa = await make('ecdsa', { algorithm: 'ECDSA', size: 256 });
    victims.ed25519 = await make('ed25519', { algorithm: 'Ed25519' });
    victims.disabled = await make('disabled', { algorithm: 'ECDSA', size: 256 });
    await app.call('POST', `/api/kms/v1/keys/${victims.disabled.key_id}/disable`, { token: owner });
    victims.rotated = await make('rotated', { algorithm: 'ECDSA', size: 256 });
    await app.call('POST', `/api/kms/v1/keys/${victims.rotated.key_id}/rotate`, { token: owner });
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('can be named by no path parameter but `id`; others are for operators, or name an engine', () => {
    const others = operations.filter(({ parameters }) => parameters.some((name) => name !== 'id'));
    expect(naming().length).toBeGreaterThanOrEqual(14);
    expect(others.length).toBeGreaterThan(0);
    for (const { operationId, permission, parameters } of others) {
      const engine = operationId === 'openImport' ? 'kms:keys:write' : 'kms:engines:admin';
      const expected = parameters.includes('engineId') ? engine : 'platform:admin';
      expect([operationId, permission]).toEqual([operationId, expected]);
    }
  });

  it.each([
    ['with a good request', {}],
    ['with If-Match', { headers: { 'if-match': '"77"' } }],
    ['with Prefer', { headers: { prefer: 'handling=lenient, respond-async' } }],
    ['with another Accept', { headers: { accept: 'application/jwk+json' } }],
  ])('answers by id, alias and PKCS#11 URI on every route as an unknown one does, %s', async (_, options) => {
    for (const operation of naming()) {
      const unknown = await call(operation, UNKNOWN.id, options);
      expect([operation.operationId, unknown.status, unknown.body.code]).toEqual([
        operation.operationId,
        404,
        'not_found',
      ]);
      expect(unknown.body.instance).toBe('urn:claviger:request:probe');
      const references = [
        UNKNOWN.alias,
        UNKNOWN.uri,
        ...Object.values(victims).flatMap((key) => [key.key_id, key.aliases[0] ?? '', key.pkcs11_uri]),
      ];
      for (const reference of references) {
        const answer = await call(operation, reference, options);
        expect([operation.operationId, reference, everythingOf(answer)]).toEqual([
          operation.operationId,
          reference,
          everythingOf(unknown),
        ]);
      }
    }
  });

  it('answers a request of the wrong shape as an unknown one does', async () => {
    const bodies = [{ unknown_member: 1 }, [], 'text', { algorithm: 'NONE', message: '' }, { patches: [1] }];
    for (const operation of naming().filter(({ method }) => method !== 'GET')) {
      for (const body of bodies) {
        const unknown = everythingOf(await call(operation, UNKNOWN.id, { body }));
        const foreign = everythingOf(await call(operation, victims.ecdsa?.key_id ?? '', { body }));
        expect([operation.operationId, body, foreign]).toEqual([operation.operationId, body, unknown]);
      }
    }
  });

  it('answers an algorithm that does not fit it as an unknown one does', async () => {
    const body = { algorithm: 'RSASSA_PSS_SHA_256', message: 'aGVsbG8=' };
    const [sign] = operations.filter(({ operationId }) => operationId === 'sign');
    const { key_id: id } = victims.ed25519 ?? { key_id: '' };
    const unknown = everythingOf(await call(sign!, UNKNOWN.id, { body }));
    expect(everythingOf(await call(sign!, id, { body }))).toEqual(unknown);
    const own = await call(sign!, id, { body, token: owner });
    expect(own.body.code).toBe('invalid_algorithm');
  });

  it('answers HEAD as an unknown one does', async () => {
    for (const operation of naming().filter(({ method }) => method === 'GET')) {
      const head = async (ref: string): Promise<unknown> => {
        const headers = { authorization: `Bearer ${intruder}`, 'x-request-id': 'probe' };
        const answer = await fetch(app.url + fill(operation, ref), { method: 'HEAD', headers });
        expect(answer.status).toBe(404);
        return everythingOf({ status: 404, body: {}, text: await answer.text(), headers: answer.headers });
      };
      expect(await head(victims.ecdsa?.key_id ?? '')).toEqual(await head(UNKNOWN.id));
    }
  });

  it('is neither changed nor used by all that, and its owner still reaches it by each name', async () => {
    const before = await snapshot();
    for (const operation of naming()) await call(operation, victims.ecdsa?.key_id ?? '');
    expect(await snapshot()).toBe(before);
    const { key_id: id, aliases, pkcs11_uri: uri } = victims.ecdsa!;
    for (const reference of [id, aliases[0]!, uri]) {
      const [get] = operations.filter(({ operationId }) => operationId === 'getKey');
      const own = await call(get!, reference, { token: owner });
      expect([own.status, own.body.key_id]).toEqual([200, id]);
    }
  });
});
