import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_TABLE, type ErrorCode } from '#kernel';
import { TestApp } from '../../harness/app.js';

describe('the pages for people', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('at /docs load, with everything they name, from this server alone', async () => {
    const page = await app.call('GET', '/docs');
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/html'),
    ]);
    expect(page.text).toContain('Claviger API');
    const named = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
    expect(named.length).toBeGreaterThanOrEqual(4);
    for (const url of named) {
      const { origin, pathname } = new URL(url, `${app.url}/docs`);
      expect([url, origin]).toEqual([url, app.url]);
      const asset = await app.call('GET', pathname);
      const type = asset.headers.get('content-type') ?? '';
      const expected = { js: 'javascript', css: 'text/css', png: 'image/png' }[
        pathname.split('.').at(-1) ?? ''
      ];
      expect([url, asset.status, asset.headers.get('x-content-type-options')]).toEqual([url, 200, 'nosniff']);
      expect(type).toContain(expected);
    }
  });

  it('at /docs need nothing that their Content-Security-Policy forbids', async () => {
    const page = await app.call('GET', '/docs');
    const policy = page.headers.get('content-security-policy') ?? '';
    const directive = (name: string): string =>
      policy
        .split(';')
        .map((one) => one.trim())
        .find((one) => one.startsWith(`${name} `)) ?? '';
    expect(directive('default-src')).toBe("default-src 'none'");
    expect(directive('script-src')).toContain("'self'");
    expect(directive('style-src')).toContain("'self'");
    expect(directive('img-src')).toContain('data:');
    expect(directive('connect-src')).toBe("connect-src 'self'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    // What the page has in line is scripts and styles, which the policy allows, and no frame, font or object.
    expect(page.text).not.toMatch(/<(?:iframe|object|embed|base|form)\b|@font-face|@import/i);
  });

  it('describe the API as OpenAPI 3.1', async () => {
    const json = await app.call<{ openapi: string; paths: object }>('GET', '/openapi.json');
    expect([json.status, json.body.openapi]).toEqual([200, '3.1.0']);
    expect(Object.keys(json.body.paths)).toContain('/api/kms/v1/keys/{id}/sign');
  });

  it.each(Object.keys(ERROR_TABLE))('say what the error code %s means', async (code) => {
    const page = await app.call('GET', `/docs/errors/${code}`);
    const { status, title, help } = ERROR_TABLE[code as ErrorCode];
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/markdown; charset=utf-8']);
    for (const part of [code, title, help, String(status)]) expect(page.text).toContain(part);
  });

  it.each(['nope', '__proto__', 'constructor', 'toString', 'NOT_FOUND', '..%2f..%2fpackage.json', '%00'])(
    'know no error code %s',
    async (code) => {
      const { status } = await app.call('GET', `/docs/errors/${code}`);
      expect([404, 400]).toContain(status);
    },
  );

  it('give away no file beside them', async () => {
    for (const path of [
      '/docs/../package.json',
      '/docs/..%2fpackage.json',
      '/docs/%2e%2e/%2e%2e/package.json',
      '/docs/swagger-ui/../../package.json',
      '/package.json',
      '/.claviger/root.key',
      '/docs/%5c..%5cpackage.json',
    ]) {
      const { status, text } = await app.call('GET', path);
      expect([path, /"name": "claviger"|^root-/m.test(text)]).toEqual([path, false]);
      expect([200, 400, 403, 404]).toContain(status);
    }
  });

  it('are where every error says that they are', async () => {
    const problems = [
      await app.call('GET', '/nowhere'),
      await app.call('GET', '/api/kms/v1/keys'),
      await app.call('GET', '/%'),
      await app.call('POST', '/health/live', { raw: '{' }),
    ];
    for (const { body } of problems) {
      expect(body.err).toBe(body.detail);
      expect(Object.keys(body).sort()).toEqual([
        'code',
        'detail',
        'err',
        'instance',
        'status',
        'title',
        'type',
      ]);
      expect((await app.call('GET', body.type as string)).status).toBe(200);
    }
  });
});
