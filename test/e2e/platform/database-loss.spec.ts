import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { EmbeddedPostgres, migrate } from '#database';
import { makeDataFolder } from '../../../libs/database/test/data-folder.js';
import { Installation, TestApp, type Answer } from '../../harness/app.js';
import { DatabaseProxy } from './database-proxy.js';

const KEYS = '/api/kms/v1/keys';
const SIGN = { algorithm: 'ED25519', message: 'aGVsbG8=' };

describe('a process that loses its database', () => {
  let installation: Installation;
  let proxy: DatabaseProxy;
  let app: TestApp;
  let token: string;
  let key: string;

  /** What a caller does; each needs the database. */
  const requests = (): Promise<Answer>[] => [
    app.call('GET', KEYS, { token }),
    app.call('GET', `${KEYS}/${key}`, { token }),
    app.call('GET', `${KEYS}/an-alias`, { token }),
    app.call('GET', '/api/kms/v1/stats', { token }),
    app.call('GET', '/api/platform/v1/audit', { token }),
    app.call('GET', '/api/platform/v1/tenants', { token }),
    app.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } }),
    app.call('POST', `${KEYS}/${key}/sign`, { token, body: SIGN }),
    app.call('POST', `${KEYS}/batch/sign`, { token, body: [{ key, ...SIGN }] }),
    app.call('PUT', `${KEYS}/${key}/name`, { token, body: { name: 'n' } }),
    app.call('POST', `${KEYS}/${key}/rotate`, { token, headers: { 'if-match': '"0"' } }),
  ];

  const expectUnavailable = ({ status, body, headers }: Answer): void => {
    // A batch says it of each item.
    if (status === 200 && Array.isArray(body)) {
      expect(body).toEqual([{ code: 'unavailable', err: expect.any(String) as string }]);
      return;
    }
    expect([status, body.code]).toEqual([503, 'unavailable']);
    expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(headers.get('content-type')).toContain('application/problem+json');
  };

  const recovered = (): Promise<void> =>
    expect.poll(async () => (await app.call('GET', '/health/ready')).status, { timeout: 10_000 }).toBe(200);

  beforeEach(async () => {
    installation = await Installation.create();
    proxy = await DatabaseProxy.start(installation.database.appUrl);
    app = await TestApp.start({ installation: proxy.installation(installation) });
    await app.tenant('acme');
    token = await app.token('acme');
    const made = await app.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } });
    key = made.body.key_id as string;
    expect((await app.call('POST', `${KEYS}/${key}/sign`, { token, body: SIGN })).status).toBe(200);
  });

  afterEach(async () => {
    proxy.mend();
    await app.stop();
    await proxy.stop();
    await installation.remove();
  });

  it('is alive but not ready, and ready again with the database', async () => {
    proxy.cut();
    expectUnavailable(await app.call('GET', '/health/ready'));
    expect((await app.call('GET', '/health/live')).status).toBe(200);
    proxy.mend();
    await recovered();
  });

  it('answers 503 with Retry-After meanwhile, never 500, and serves again without a restart', async () => {
    for (let round = 1; round <= 3; round += 1) {
      proxy.cut();
      for (const answer of await Promise.all([...requests(), ...requests()])) expectUnavailable(answer);
      proxy.mend();
      await recovered();
      for (const answer of await Promise.all(requests()))
        expect([200, 201, 404, 412]).toContain(answer.status);
    }
  });

  it('never answers 500 to a request that was under way', async () => {
    for (let round = 1; round <= 5; round += 1) {
      const underWay = [...requests(), ...requests(), ...requests()];
      if (round % 2) await Promise.race(underWay);
      proxy.cut();
      for (const answer of await Promise.all(underWay)) {
        if (answer.status >= 500) expectUnavailable(answer);
        else expect([200, 201, 404, 412]).toContain(answer.status);
      }
      proxy.mend();
      await recovered();
    }
  });

  it('never answers 500 when the server itself ends its connections', async () => {
    const admin = new pg.Client(inject('postgres').adminUrl);
    await admin.connect();
    try {
      const name = new URL(installation.database.appUrl).pathname.slice(1);
      for (let round = 1; round <= 5; round += 1) {
        const underWay = [...requests(), ...requests()];
        await Promise.race(underWay);
        await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
          name,
        ]);
        for (const answer of await Promise.all(underWay)) {
          if (answer.status >= 500) expectUnavailable(answer);
        }
        await recovered();
      }
    } finally {
      await admin.end();
    }
  });

  it('tells callers nothing of where the database is or what it said', async () => {
    proxy.cut();
    const { port, pathname } = new URL(installation.database.appUrl);
    for (const { text } of await Promise.all(requests())) {
      expect(text).not.toMatch(/ECONN|terminated|postgres|127\.0\.0\.1/i);
      for (const part of [port, pathname.slice(1)]) expect(text).not.toContain(part);
    }
    const password = new URL(installation.database.appUrl).password;
    expect(app.logs.join('')).not.toContain(password);
  });

  it('ends all the same', async () => {
    proxy.cut();
    await Promise.all(requests());
    const stopping = await TestApp.start({ installation });
    await stopping.stop();
    proxy.mend();
  });
});

describe('a process whose embedded PostgreSQL is stopped', () => {
  it('is not ready until it runs again, and then serves what was there', { timeout: 60_000 }, async () => {
    const { dataDir, remove } = makeDataFolder();
    const start = (): Promise<EmbeddedPostgres> =>
      EmbeddedPostgres.start({ dataDir, owner: 'api', log: () => undefined });
    let server = await start();
    const spare = await Installation.create();
    const proxy = await DatabaseProxy.start(server.appUrl);
    try {
      await migrate(server.ownerUrl);
      const database = { ownerUrl: server.ownerUrl, appUrl: server.appUrl, drop: () => Promise.resolve() };
      const installation = proxy.installation({ ...spare, database, remove: () => Promise.resolve() });
      const app = await TestApp.start({ installation });
      await app.tenant('acme');
      const token = await app.token('acme');
      const { body } = await app.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } });
      const sign = () => app.call('POST', `${KEYS}/${body.key_id as string}/sign`, { token, body: SIGN });
      expect((await sign()).status).toBe(200);

      await server.stop();
      expect((await app.call('GET', '/health/ready')).status).toBe(503);
      expect((await sign()).status).toBe(503);

      server = await start();
      proxy.retarget(server.appUrl);
      await expect
        .poll(async () => (await app.call('GET', '/health/ready')).status, { timeout: 10_000 })
        .toBe(200);
      expect((await sign()).status).toBe(200);
      await app.stop();
    } finally {
      await server.stop();
      await proxy.stop();
      await spare.remove();
      remove();
    }
  });
});
