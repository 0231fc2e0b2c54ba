import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { sendRaw } from './raw-http.js';

const KEYS = '/api/kms/v1/keys';

describe('what is read of a request', () => {
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

  const create = (name = 'k'): string => JSON.stringify({ algorithm: 'Ed25519', name });

  /** The status, code and `detail` that a body of these bytes, with these headers, is answered with. */
  const post = async (
    body: Buffer | string,
    headers: Record<string, string> = {},
  ): Promise<[number, string?, string?]> => {
    const response = await fetch(app.url + KEYS, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: new Uint8Array(Buffer.from(body)),
    });
    const { code, detail } = (await response.json()) as { code?: string; detail?: string };
    return [response.status, code, detail];
  };

  it.each([
    ['gzip', gzipSync(create())],
    ['gzip', Buffer.from(create())],
    ['GZIP', Buffer.from(create())],
    ['deflate', Buffer.from(create())],
    ['br', Buffer.from(create())],
    ['identity, gzip', Buffer.from(create())],
    ['x', Buffer.from(create())],
  ])('415 for a body with Content-Encoding: %s', async (coding, body) => {
    expect(await post(body, { 'content-encoding': coding })).toEqual([
      415,
      'unsupported_media_type',
      'Send the body without a Content-Encoding.',
    ]);
  });

  it.each(['utf-16', 'UTF-16LE', 'iso-8859-1', 'us-ascii', '"utf-16"', 'utf-8; charset=utf-16', ''])(
    '415 for a body with charset=%s',
    async (charset) => {
      const answer = await post(create(), { 'content-type': `application/json; charset=${charset}` });
      expect(answer.slice(0, 2)).toEqual([415, 'unsupported_media_type']);
    },
  );

  it('415 for UTF-16 that says so', async () => {
    const answer = await post(Buffer.from(create(), 'utf16le'), {
      'content-type': 'application/json;charset=UTF-16',
    });
    expect(answer).toEqual([415, 'unsupported_media_type', 'Send the body in UTF-8.']);
  });

  it.each([
    { 'content-encoding': 'identity' },
    { 'content-encoding': 'Identity' },
    ...['utf-8', 'UTF-8', 'utf8', '"utf-8"'].map((charset) => ({
      'content-type': `application/json; charset=${charset}`,
    })),
    { 'content-type': 'application/json;version=1; charset=utf-8' },
  ])('201 for plain UTF-8 that says so: %j', async (headers) => {
    expect((await post(create('łódź 😀'), headers))[0]).toBe(201);
  });

  it.each([
    ['a lone byte', [0xff]],
    ['a cut character', [0xc3]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['Latin-1', [...Buffer.from('Łódź é', 'latin1')]],
  ])('400 malformed_request for %s, and nothing is stored', async (_, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"algorithm":"Ed25519","name":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ]);
    expect(await post(body)).toEqual([400, 'malformed_request', 'The body is not valid UTF-8.']);
    const replaced = encodeURIComponent('name[ct]\ufffd');
    const { body: page } = await app.call('GET', `${KEYS}?filter=${replaced}`, { token });
    expect(page.list).toEqual([]);
  });

  it('the same of a body that comes in pieces', async () => {
    const head = `POST ${KEYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
    const pieces = (...chunks: Buffer[]): Buffer =>
      Buffer.concat([
        Buffer.from(head),
        ...chunks.flatMap((chunk) => [
          Buffer.from(`${chunk.length.toString(16)}\r\n`),
          chunk,
          Buffer.from('\r\n'),
        ]),
        Buffer.from('0\r\n\r\n'),
      ]);
    const whole = Buffer.from(create('é'));
    const middle = whole.indexOf(0xc3) + 1;
    const good = await sendRaw(app.url, pieces(whole.subarray(0, middle), whole.subarray(middle)));
    const { name } = JSON.parse(Buffer.from(good.text, 'latin1').toString()) as { name: string };
    expect([good.status, name]).toEqual([201, 'é']);
    const bad = await sendRaw(app.url, pieces(whole.subarray(0, middle), whole.subarray(middle + 1)));
    expect([bad.status, (JSON.parse(bad.text) as { code: string }).code]).toEqual([400, 'malformed_request']);
  });

  it('401 before any of that', async () => {
    const { status } = await app.call('POST', KEYS, { raw: '\xff', headers: { 'content-encoding': 'gzip' } });
    expect(status).toBe(401);
  });

  it.each([
    ...['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'],
    ...['isPrototypeOf', 'nonsense'],
  ])('400 for the unknown query parameter %s', async (name) => {
    for (const path of [KEYS, '/api/kms/v1/stats', '/api/platform/v1/audit', '/api/platform/v1/tenants']) {
      for (const query of [`${name}=1`, `${name}=1&${name}=2`, `${name}`, `limit=5&${name}=x`]) {
        const { status, body } = await app.call('GET', `${path}?${query}`, { token });
        const named = (body.errors as { path: string }[] | undefined)?.map((error) => error.path);
        expect([path, query, status, body.code]).toEqual([path, query, 400, 'validation_failed']);
        expect(named).toContain(name);
      }
    }
  });

  it('200 for the description of the API, the same each time, and no other form of it', async () => {
    const [first, second] = [await app.call('GET', '/openapi.json'), await app.call('GET', '/openapi.json')];
    expect([first.status, first.headers.get('content-type')]).toEqual([
      200,
      'application/json; charset=utf-8',
    ]);
    expect(first.body).toMatchObject({ openapi: '3.1.0', info: { title: 'Claviger' } });
    expect(second.text).toBe(first.text);
    for (const path of ['/docs/openapi.yaml', '/docs-yaml', '/docs-json', '/openapi.yaml']) {
      expect([path, (await app.call('GET', path)).status]).toEqual([path, 404]);
    }
  });
});
