import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { OutsideIssuer, makeKey, type IssuerKey } from './outside-issuer.js';

const KEYS = '/api/kms/v1/keys';

/** An issuer's key set behind a URL, which a test changes and breaks. */
class KeySetServer {
  answers: IssuerKey[] = [];
  status = 200;
  asked = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<KeySetServer> {
    const server = createServer((_, response) => {
      made.asked += 1;
      response.writeHead(made.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: made.answers.map(({ jwk }) => jwk) }));
    });
    const made = new KeySetServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks.json`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe('the keys of an issuer', () => {
  let app: TestApp;
  let byFile: OutsideIssuer;
  let byUrl: OutsideIssuer;
  let server: KeySetServer;
  let first: IssuerKey;
  let second: IssuerKey;

  const statusOf = async (token: string): Promise<number> => (await app.call('GET', KEYS, { token })).status;
  const passS = (seconds: number): unknown => vi.setSystemTime(Date.now() + seconds * 1_000);

  beforeAll(async () => {
    server = await KeySetServer.start();
    byFile = await OutsideIssuer.create('https://file.example');
    byUrl = await OutsideIssuer.create('https://url.example');
    first = await makeKey('first');
    second = await makeKey('second');
  });

  afterAll(async () => {
    await server.stop();
    await byFile.remove();
    await byUrl.remove();
  });

  beforeEach(async () => {
    // Only the date: the database's and the server's own timers go on.
    vi.useFakeTimers({ toFake: ['Date'] });
    await byFile.publish([first]);
    Object.assign(server, { answers: [first], status: 200, asked: 0 });
    const issuers = [
      byFile.config({ tenants: ['acme'] }),
      { ...byUrl.config({ tenants: ['acme'] }), jwks_file: undefined, jwks_url: server.url },
    ];
    app = await TestApp.start({ env: { CLAVIGER_ISSUERS: JSON.stringify(issuers) } });
    await app.tenant('acme');
  });

  afterEach(async () => {
    vi.useRealTimers();
    await app.stop();
    await app.installation.remove();
  });

  it.each(['file', 'url'])('are rotated without a restart: %s', async (kind) => {
    const issuer = kind === 'file' ? byFile : byUrl;
    const publish = async (keys: IssuerKey[]): Promise<void> => {
      server.answers = keys;
      await byFile.publish(keys);
    };
    expect(await statusOf(await issuer.mint({}, first))).toBe(200);
    await publish([first, second]);
    passS(31);
    expect(await statusOf(await issuer.mint({}, second))).toBe(200);
    expect(await statusOf(await issuer.mint({ sub: 'bob' }, first))).toBe(200);
    const remembered = await issuer.mint({ sub: 'carol' }, first);
    expect(await statusOf(remembered)).toBe(200);
    await publish([second]);
    passS(kind === 'file' ? 61 : 601);
    expect(await statusOf(await issuer.mint({ sub: 'dave' }, first))).toBe(401);
    expect(await statusOf(remembered)).toBe(401);
    expect(await statusOf(await issuer.mint({}, second))).toBe(200);
  });

  it('that are found to be withdrawn take with them what they had signed, however fresh it is remembered', async () => {
    const remembered = await byUrl.mint({}, first);
    expect(await statusOf(remembered)).toBe(200);
    server.answers = [second];
    passS(31);
    expect(await statusOf(remembered)).toBe(200);
    expect(await statusOf(await byUrl.mint({}, second))).toBe(200);
    expect(await statusOf(remembered)).toBe(401);
  });

  it('that tokens make up do not make us ask the issuer again and again', async () => {
    expect(await statusOf(await byUrl.mint({}, first))).toBe(200);
    passS(31);
    const asked = server.asked;
    for (let n = 0; n < 20; n += 1) {
      expect(await statusOf(await byUrl.mint({}, await makeKey(`made-up-${n}`)))).toBe(401);
    }
    expect(server.asked - asked).toBe(1);
  });

  it('that cannot be had make a token wait, not fail: 503 with Retry-After', async () => {
    server.status = 500;
    await writeFile(byFile.jwksFile, 'not JSON');
    for (const issuer of [byUrl, byFile]) {
      const answer = await app.call('GET', KEYS, { token: await issuer.mint({}, first) });
      expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(answer.text).not.toContain(server.url);
    }
    server.status = 200;
    await byFile.publish([first]);
    passS(6);
    for (const issuer of [byUrl, byFile]) expect(await statusOf(await issuer.mint({}, first))).toBe(200);
  });

  it('that are gone for a while are still good for who was known, and not for ever', async () => {
    const token = await byUrl.mint({ exp: Math.floor(Date.now() / 1_000) + 7_200 }, first);
    expect(await statusOf(token)).toBe(200);
    server.status = 500;
    passS(400);
    expect(await statusOf(token)).toBe(200);
    passS(300);
    expect(await statusOf(token)).toBe(503);
  });

  it('decide on an expired token at once, however well it is remembered', async () => {
    const token = await byFile.mint({ exp: Math.floor(Date.now() / 1_000) + 10 }, first);
    expect(await statusOf(token)).toBe(200);
    passS(41);
    expect(await statusOf(token)).toBe(401);
  });
});
