import { afterEach, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';

describe('/metrics', () => {
  let app: TestApp;

  afterEach(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('counts requests by method, route and status, and names no tenant, key or caller', async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    const token = await app.token('acme');
    const body = { algorithm: 'Ed25519', name: 'a-telling-name' };
    const made = await app.call('POST', '/api/kms/v1/keys', { token, body });
    await app.call('GET', `/api/kms/v1/keys/${made.body.key_id as string}?x=1`, { token });
    await app.call('GET', '/api/kms/v1/keys/an-alias', { token });
    await app.call('GET', '/some/path/nobody/knows');
    await app.call('GET', '/%zz');
    const { status, text, headers } = await app.call('GET', '/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    const counted = (method: string, route: string, answered: number): string =>
      `claviger_http_request_duration_seconds_count{method="${method}",route="${route}",status="${answered}"} 1\n`;
    expect(text).toContain(counted('POST', '/api/kms/v1/keys', 201));
    expect(text).toContain(counted('GET', '/api/kms/v1/keys/:id', 404));
    expect(text).toContain(counted('GET', 'unknown', 404));
    expect(text).toContain('process_cpu_seconds_total');
    for (const word of ['acme', 'tester', 'key-0', 'a-telling-name', 'an-alias', 'nobody', '127.0.0.1']) {
      expect(text).not.toContain(word);
    }
  });

  it('has no more series for whatever paths are asked for', async () => {
    app = await TestApp.start();
    const series = async (): Promise<number> =>
      (await app.call('GET', '/metrics')).text.split('\n').filter((line) => line.startsWith('claviger_'))
        .length;
    await app.call('GET', '/first');
    await series();
    const before = await series();
    for (let n = 0; n < 50; n += 1) await app.call('GET', `/path-${n}/a/b?c=${n}`);
    expect(await series()).toBe(before);
  });

  it.each([
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-for', '127.0.0.1'],
    ['forwarded', 'for=127.0.0.1'],
    ['via', '1.1 proxy'],
  ])('is no route for who comes through a proxy, told by %s: %s', async (name, value) => {
    const environments: Record<string, string>[] = [{}, { CLAVIGER_TRUST_PROXY: '127.0.0.1' }];
    for (const env of environments) {
      app = await TestApp.start({ env });
      const headers = { [name]: value, 'x-request-id': 'probe' };
      const hidden = await app.call('GET', '/metrics', { headers });
      const unknown = await app.call('GET', '/metrixx', { headers });
      expect(hidden.status).toBe(404);
      expect(hidden.text).toBe(unknown.text);
      if (env.CLAVIGER_TRUST_PROXY === undefined) await app.stop();
    }
  });

  it('is on a port of its own where one is configured, and then on no other', async () => {
    app = await TestApp.start({ env: { CLAVIGER_METRICS_PORT: '9464' } });
    const { status, body } = await app.call('GET', '/metrics');
    expect([status, body.code]).toEqual([404, 'route_not_found']);
  });
});
