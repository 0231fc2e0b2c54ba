import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '#kernel';
import { TestApp, type Answer } from '../../harness/app.js';
import { fill, readOperations, type Operation } from './api-surface.js';

/** Each would be refused for its own sake, were the caller let in. */
const MALFORMED: readonly { what: string; raw: string; contentType: string }[] = [
  { what: 'malformed JSON', raw: '{"algorithm":', contentType: 'application/json' },
  { what: 'unknown members', raw: '{"no_such_member":1}', contentType: 'application/json' },
  { what: 'a forbidden member', raw: '{"__proto__":{"a":1}}', contentType: 'application/json' },
  { what: 'another media type', raw: '<xml/>', contentType: 'application/xml' },
];
const UNKNOWN_ID = 'key-01900000-0000-7000-8000-000000000000';

describe('every route', () => {
  let app: TestApp;
  let guarded: Operation[];
  const all = (): Operation[] => guarded;

  /** A malformed request for something unknown, of whoever `token` is. */
  async function probe(
    operation: Operation,
    token: string | undefined,
    body = MALFORMED[0],
  ): Promise<Answer> {
    const sendsBody = operation.method !== 'GET' && body !== undefined;
    return app.call(operation.method, fill(operation, UNKNOWN_ID), {
      token,
      ...(sendsBody && { raw: body.raw, headers: { 'content-type': body.contentType } }),
    });
  }

  beforeAll(async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    guarded = (await readOperations(app)).filter(({ permission }) => permission !== undefined);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('but health asks for a permission', async () => {
    const open = (await readOperations(app)).filter(({ permission }) => permission === undefined);
    expect(open.map(({ path }) => path).sort()).toEqual(['/health/live', '/health/ready']);
    expect(guarded.length).toBeGreaterThanOrEqual(25);
    expect([...new Set(guarded.map(({ permission }) => permission))].sort()).toEqual([...PERMISSIONS].sort());
  });

  it('answers 401 with WWW-Authenticate where there is no token, before it looks at anything else', async () => {
    for (const operation of all()) {
      for (const body of MALFORMED) {
        const { status, body: problem, headers } = await probe(operation, undefined, body);
        expect([operation.operationId, body.what, status, problem.code]).toEqual([
          operation.operationId,
          body.what,
          401,
          'unauthenticated',
        ]);
        expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
        expect(headers.get('content-type')).toContain('application/problem+json');
      }
    }
  });

  it('answers 403 naming the permission that is missing, before it looks at anything else', async () => {
    for (const operation of all()) {
      const others = PERMISSIONS.filter((permission) => permission !== operation.permission);
      const token = await app.token('acme', others.join(' '));
      for (const body of MALFORMED) {
        const { status, body: problem } = await probe(operation, token, body);
        expect([operation.operationId, body.what, status, problem.code]).toEqual([
          operation.operationId,
          body.what,
          403,
          'forbidden',
        ]);
        expect(problem.detail).toContain(operation.permission);
      }
    }
  });

  it('lets in who has its permission and no other', async () => {
    for (const operation of all()) {
      const token = await app.token('acme', operation.permission);
      const { status } = await probe(operation, token);
      expect([operation.operationId, [401, 403, 500].includes(status)]).toEqual([
        operation.operationId,
        false,
      ]);
    }
  });

  it('refuses a body over the limit as it refuses any other where there is no token', async () => {
    for (const operation of all().filter(({ method }) => method !== 'GET')) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const { hostname, port } = new URL(app.url);
        const headers = { 'content-type': 'application/json', 'content-length': 5_000_000 };
        const path = fill(operation, UNKNOWN_ID);
        const sent = request({ hostname, port, method: operation.method, path, headers }, (answer) => {
          resolve(answer.statusCode);
          sent.destroy();
        });
        sent.on('error', reject);
        sent.flushHeaders();
      });
      expect([operation.operationId, status]).toEqual([operation.operationId, 401]);
    }
  });

  it('treats HEAD as the GET that it is', async () => {
    const [token, without] = [await app.token('acme'), await app.token('acme', 'kms:keys:sign')];
    for (const operation of all().filter(
      ({ method, parameters }) => method === 'GET' && parameters.length === 0,
    )) {
      const head = (authorization?: string): Promise<Response> =>
        fetch(app.url + operation.path, { method: 'HEAD', headers: authorization ? { authorization } : {} });
      const statuses = [await head(), await head(`Bearer ${without}`), await head(`Bearer ${token}`)];
      expect([operation.operationId, ...statuses.map(({ status }) => status)]).toEqual([
        operation.operationId,
        401,
        403,
        200,
      ]);
    }
  });

  it.each(['', 'Basic dTpw', 'Bearer', 'Bearer ', 'Token abc', 'bearer\tabc'])(
    'takes the header "Authorization: %s" for no token',
    async (authorization) => {
      const { status, body } = await app.call('GET', '/api/kms/v1/keys', { headers: { authorization } });
      expect([status, body.code]).toEqual([401, 'unauthenticated']);
    },
  );

  it('reads no token from the query or a cookie', async () => {
    const token = await app.token('acme');
    const headers = { cookie: `token=${token}; access_token=${token}` };
    const query = `access_token=${token}`;
    expect((await app.call('GET', `/api/kms/v1/keys?${query}`, { headers })).status).toBe(401);
  });
});
