import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { longestBlock } from '../../harness/loop-delay.js';
import { sendRaw, type RawAnswer } from './raw-http.js';

const KEYS = '/api/kms/v1/keys';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MIB = 1_048_576;

describe('the edge', () => {
  let app: TestApp;
  let token: string;

  beforeAll(async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    token = await app.token('acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  const get = (path: string, headers: Record<string, string> = {}) =>
    app.call('GET', path, { token, headers });

  describe('request ids', () => {
    it.each(['a', 'trace-1.2_3', 'A'.repeat(64), '01900000-0000-7000-8000-000000000000'])(
      'echoes %s in the answer, its instance and its log line',
      async (id) => {
        const { headers, body } = await get('/no-such-route', { 'x-request-id': id });
        expect(headers.get('x-request-id')).toBe(id);
        expect(body.instance).toBe(id.startsWith('0190') ? `urn:uuid:${id}` : `urn:claviger:request:${id}`);
        expect(app.logs.join('')).toContain(`"request_id":"${id}"`);
      },
    );

    it.each(['', 'A'.repeat(65), 'a b', 'a"b', '{"a":1}', 'a;b', '../../etc', 'ä', '%0a', '<script>'])(
      'replaces %j, which could do harm in a log or a page, by its own',
      async (id) => {
        const { headers, text } = await get('/no-such-route', { 'x-request-id': id });
        expect(headers.get('x-request-id')).toMatch(UUID);
        if (id !== '') expect(text).not.toContain(id);
      },
    );

    it('gives every request without one its own', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => get(KEYS)));
      expect(new Set(ids.map(({ headers }) => headers.get('x-request-id'))).size).toBe(20);
    });

    it('writes the id of a change into the audit log', async () => {
      const headers = { 'x-request-id': 'find-me-again' };
      const body = { algorithm: 'Ed25519', name: 'k' };
      await app.call('POST', KEYS, { token, body, headers });
      const filter = encodeURIComponent('request_id[eq]find-me-again');
      const found = await app.call<{ list: unknown[] }>('GET', `/api/platform/v1/audit?filter=${filter}`, {
        token,
      });
      expect(found.body.list).toEqual([expect.objectContaining({ action: 'kms.key.create' })]);
    });
  });

  it.each([
    ['an answer', KEYS, true],
    ['a refusal', KEYS, false],
    ['an unknown route', '/nowhere', false],
    ['a page', '/docs', false],
    ['health', '/health/live', false],
  ])('sends its security headers with %s, and none that names the software', async (_, path, known) => {
    const { headers } = await app.call('GET', path, known ? { token } : {});
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': expect.stringMatching(/^max-age=\d{7,}/) as string,
      'content-security-policy': expect.stringContaining("default-src 'none'") as string,
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin']) {
      expect(headers.get(name)).toBeNull();
    }
  });

  it('keeps refusals out of caches', async () => {
    for (const answer of [await app.call('GET', KEYS), await get(`${KEYS}/nobody`)]) {
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });

  describe('bodies', () => {
    const create = JSON.stringify({ algorithm: 'Ed25519', name: 'k' });
    const send = (raw: string, contentType = 'application/json') =>
      app.call('POST', KEYS, { token, raw, headers: { 'content-type': contentType } });

    it('are read up to 1 MiB and not a byte more', async () => {
      expect((await send(create.padEnd(MIB - 1))).status).toBe(201);
      expect((await send(create.padEnd(MIB))).status).toBe(201);
      const { status, body } = await send(create.padEnd(MIB + 1));
      expect([status, body.code]).toEqual([413, 'body_too_large']);
    });

    it('are not read at all where their length is announced as too much', async () => {
      const head = `POST ${KEYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n`;
      expect((await sendRaw(app.url, head)).status).toBe(413);
    });

    it('are JSON, whatever else they call themselves', async () => {
      const types = [
        'text/plain',
        'application/xml',
        'multipart/form-data; boundary=x',
        'application/jsonp',
        'x',
      ];
      for (const type of types) {
        const { status, body } = await send(create, type);
        expect([type, status, body.code]).toEqual([type, 415, 'unsupported_media_type']);
      }
      for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON']) {
        expect((await send(create, type)).status).toBe(201);
      }
    });

    it.each([
      '{',
      '{"a":}',
      '[1,]',
      '{"name":"a",}',
      "{'name':'a'}",
      'nul',
      '\u0000',
      '{"a":1}{"a":2}',
      '\ufeff{',
      'NaN',
    ])('that are malformed (%j) are 400 with a reason that quotes nothing', async (raw) => {
      const { status, body } = await send(raw);
      expect([status, body.code, body.detail]).toEqual([
        400,
        'malformed_request',
        'The body is not valid JSON.',
      ]);
    });

    it.each([
      '{"__proto__":{"admin":true}}',
      '{"metadata":{"__proto__":{"a":1}},"algorithm":"Ed25519","name":"k"}',
      '{"metadata":{"a":{"constructor":{"prototype":{"a":1}}}},"algorithm":"Ed25519","name":"k"}',
    ])('that reach for a prototype are 400: %s', async (raw) => {
      const { status, body } = await send(raw);
      expect([status, body.code]).toEqual([400, 'malformed_request']);
      expect(({} as Record<string, unknown>).admin).toBeUndefined();
    });

    it('that are missing, null or of another type are 400, never 500', async () => {
      for (const raw of ['', 'null', '7', '"text"', 'true', '[]', '[{}]']) {
        const { status } = await send(raw);
        expect([raw, status]).toEqual([raw, 400]);
      }
    });

    const big = (open: string, item: string, close: string): string =>
      `{"algorithm":"Ed25519","name":"k","metadata":{"a":${open}${item.repeat(900_000 / item.length)}1${close}}}`;

    it.each([
      ['deep in arrays', big('', '[', ']'.repeat(90_000))],
      ['deep in objects', big('', '{"a":', '}'.repeat(50_000))],
      ['wide in arrays', big('[', '[],', ']')],
      ['wide in objects', big('[', '{},', ']')],
      ['wide in numbers', big('[', '1,', ']')],
      ['wide in unknown members', `{${Array.from({ length: 90_000 }, (_, n) => `"k${n}":1`).join()}}`],
      ['one string of backslashes', `{"name":"${'\\\\'.repeat(250_000)}"}`],
    ])('that are %s are 400 with a reason, and keep nobody else waiting', async (_, raw) => {
      const { status, body } = await send(raw);
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect(await longestBlock(() => send(raw))).toBeLessThan(100);
    });

    it('that hold all that metadata may hold are not too much', async () => {
      const metadata = { a: Array.from({ length: 5_400 }, () => []) };
      const { status } = await send(JSON.stringify({ algorithm: 'Ed25519', name: 'k', metadata }));
      expect(status).toBe(201);
    });
  });

  describe('what is hardly HTTP', () => {
    const problem = ({ status, headers, text }: RawAnswer): unknown => ({
      status,
      type: headers['content-type'],
      code: (JSON.parse(text) as { code: string; err: string; detail: string }).code,
    });
    const asProblem = (status: number, code: string): unknown => ({
      status,
      type: expect.stringContaining('application/problem+json'),
      code,
    });
    const request = (line: string, headers = ''): string => `${line} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

    it.each([
      ['noise', 'noise\r\n\r\n'],
      ['a TLS hello', Buffer.from('160301020001000001fc0303', 'hex')],
      ['an unknown method', request('HACK /')],
      ['another protocol version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
      ['a header without a name', request('GET /', ': a\r\n')],
      ['a header with a line break in it', request('GET /', 'a: b\u0000c\r\n')],
      ['two lengths', request(`POST ${KEYS}`, 'Content-Length: 1\r\nContent-Length: 2\r\n')],
      ['a length and chunks', request(`POST ${KEYS}`, 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
      ['chunks that are none', `${request(`POST ${KEYS}`, 'Transfer-Encoding: chunked\r\n')}zz\r\n`],
    ])('%s is answered 400 as a problem', async (_, bytes) => {
      const answer = await sendRaw(app.url, bytes);
      expect(problem(answer)).toEqual(asProblem(400, 'malformed_request'));
      expect(answer.headers.connection).toBe('close');
    });

    it('a request without Host is answered 400', async () => {
      expect((await sendRaw(app.url, 'GET /health/live HTTP/1.1\r\n\r\n')).status).toBe(400);
    });

    it('headers without end are answered 431 as a problem', async () => {
      const answer = await sendRaw(app.url, request('GET /', `X-Long: ${'a'.repeat(70_000)}\r\n`));
      expect(problem(answer)).toEqual(asProblem(431, 'headers_too_large'));
    });

    it.each(['/%', '/%zz', '/%c3%28', `${KEYS}/%`, `${KEYS}/%ff`])(
      'the URL %s is answered 400',
      async (path) => {
        const answer = await sendRaw(app.url, request(`GET ${path}`, `Authorization: Bearer ${token}\r\n`));
        expect(problem(answer)).toEqual(asProblem(400, 'malformed_request'));
      },
    );

    it('a part of the path longer than any name is answered 414, and at the limit 404', async () => {
      const at = (length: number): Promise<RawAnswer> =>
        sendRaw(app.url, request(`GET ${KEYS}/${'a'.repeat(length)}`, `Authorization: Bearer ${token}\r\n`));
      expect(problem(await at(1_024))).toEqual(asProblem(404, 'not_found'));
      expect(problem(await at(1_025))).toEqual(asProblem(414, 'uri_too_long'));
    });

    it('leaves the server as it was', async () => {
      expect((await get(KEYS)).status).toBe(200);
    });
  });

  describe('methods', () => {
    const send = (method: string, path: string): Promise<Response> =>
      fetch(app.url + path, { method, headers: { authorization: `Bearer ${token}` } });

    it('HEAD has the headers of GET and no body', async () => {
      const [head, got] = [await send('HEAD', KEYS), await send('GET', KEYS)];
      expect([head.status, await head.text()]).toEqual([200, '']);
      expect(head.headers.get('content-type')).toBe(got.headers.get('content-type'));
    });

    it('OPTIONS grants no other origin anything', async () => {
      const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
      const { status, headers: answered } = await fetch(app.url + KEYS, { method: 'OPTIONS', headers });
      expect(status).toBe(404);
      expect([...answered.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    });

    it.each(['PATCH', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT'])(
      '%s on a path that has no such route is the 404 of a route',
      async (method) => {
        const answer = await send(method, '/api/kms/v1/stats');
        expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
          404,
          'route_not_found',
        ]);
      },
    );

    it('cannot be overridden by a header or a query', async () => {
      const headers = { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' };
      const answer = await app.call('GET', `${KEYS}/nobody?_method=DELETE`, { token, headers });
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
      expect((await get(KEYS, headers)).status).toBe(200);
    });
  });
});
