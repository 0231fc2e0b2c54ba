import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IssuerConfig } from '#config';
import { FakeClock, issuerConfig, makeIssuerKey, type IssuerKey } from '../test/fake-issuer.js';
import { IssuerRegistry } from './issuer-registry.js';

const header = (kid: string) => ({ alg: 'ES256', kid });
const setOf = (...keys: IssuerKey[]) => JSON.stringify({ keys: keys.map((key) => key.jwk) });

describe('IssuerRegistry', () => {
  let clock: FakeClock;
  let first: IssuerKey;
  let second: IssuerKey;
  let failures: string[];

  const keysOf = (overrides: Partial<IssuerConfig>) => {
    const config = issuerConfig(overrides);
    const registry = new IssuerRegistry([config], {
      clock,
      fetchTimeoutMs: 200,
      onKeysFailed: (issuer, error) => failures.push(`${issuer}: ${String(error)}`),
    });
    return registry.find(config.issuer)!.keys;
  };

  beforeEach(async () => {
    clock = new FakeClock();
    failures = [];
    [first, second] = await Promise.all([makeIssuerKey('first'), makeIssuerKey('second')]);
  });

  it('finds an issuer by its exact name only', () => {
    const registry = new IssuerRegistry([issuerConfig({ jwks_file: '/nowhere' })]);
    expect(registry.find('https://issuer.example')).toBeDefined();
    for (const other of [
      'https://issuer.example/',
      'HTTPS://issuer.example',
      '',
      'constructor',
      '__proto__',
    ]) {
      expect(registry.find(other)).toBeUndefined();
    }
  });

  it.each([
    ['without a place for its keys', [issuerConfig()]],
    ['listed twice', [issuerConfig({ jwks_file: '/a' }), issuerConfig({ jwks_file: '/b' })]],
    ['with credentials in its URL', [issuerConfig({ jwks_url: 'https://user:hunter2@issuer.example/jwks' })]],
  ])('refuses an issuer %s, and repeats no secret', (_, configs) => {
    expect(() => new IssuerRegistry(configs)).toThrow(/^(?!.*hunter2)Configuration refused/s);
  });

  describe('with keys behind a URL', () => {
    let server: Server;
    let requests: string[];
    let respond: RequestListener;
    let url: string;

    beforeEach(async () => {
      requests = [];
      respond = (_, response) => response.end(setOf(first));
      server = createServer((request, response) => {
        requests.push(request.url ?? '');
        respond(request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    });

    afterEach(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    it('picks up a rotation after the cool-down, and drops a withdrawn key within ten minutes', async () => {
      const keys = keysOf({ jwks_url: url });
      const { generation } = await keys.find(header('first'));
      respond = (_, response) => response.end(setOf(second));
      await expect(keys.find(header('second'))).rejects.toThrow();
      expect(requests).toHaveLength(1);
      clock.advanceS(30);
      await keys.find(header('second'));
      expect(requests).toHaveLength(2);
      expect(keys.holds(generation)).toBe(false);
      await expect(keys.find(header('first'))).rejects.toThrow();

      respond = (_, response) => response.end(setOf(first));
      clock.advanceS(600);
      await expect(keys.find(header('second'))).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
      expect(requests).toHaveLength(3);
    });

    const refusals: [string, RegExp, RequestListener][] = [
      [
        'a redirect',
        /fetch failed/,
        (request, response) => {
          if (request.url === '/elsewhere') response.end(setOf(first));
          else response.writeHead(302, { location: '/elsewhere' }).end();
        },
      ],
      [
        'an error with a key set in it',
        /status 500/,
        (_, response) => response.writeHead(500).end(setOf(first)),
      ],
      ['an answer without content', /status 204/, (_, response) => response.writeHead(204).end()],
      [
        'more than 256 KiB',
        /larger than 262144/,
        (_, response) => response.end(setOf(first) + ' '.repeat(256 * 1024)),
      ],
      [
        'an endless answer',
        /larger than 262144/,
        (_, response) => {
          const more = () => response.write(' '.repeat(65_536), (error) => error ?? more());
          more();
        },
      ],
      ['no answer in time', /timeout/i, () => undefined],
      ['an answer that does not end in time', /timeout/i, (_, response) => response.write('{"keys":[')],
      ['a page', /JSON/, (_, response) => response.end('<html>')],
    ];

    it.each(refusals)('answers 503 when it gets %s', async (_, reason, listener) => {
      respond = listener;
      const keys = keysOf({ jwks_url: url });
      await expect(keys.find(header('first'))).rejects.toMatchObject({ code: 'unavailable', retryAfterS: 5 });
      expect(failures).toEqual([expect.stringMatching(reason)]);
      expect(requests).toEqual(['/jwks']);
    });

    it('takes 256 KiB', async () => {
      respond = (_, response) => response.end(setOf(first).padEnd(256 * 1024));
      await keysOf({ jwks_url: url }).find(header('first'));
    });

    it('answers 503 when nobody listens', async () => {
      await new Promise((resolve) => server.close(resolve));
      await expect(keysOf({ jwks_url: url }).find(header('first'))).rejects.toMatchObject({
        code: 'unavailable',
      });
    });
  });

  describe('with keys in a file', () => {
    let folder: string;
    let path: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'identity-'));
      path = join(folder, 'jwks.json');
    });

    afterEach(() => rm(folder, { recursive: true }));

    it('picks up a new key after the cool-down, and drops a withdrawn one within a minute', async () => {
      await writeFile(path, setOf(first));
      const keys = keysOf({ jwks_file: path });
      await keys.find(header('first'));
      await writeFile(path, setOf(second));
      await expect(keys.find(header('second'))).rejects.toThrow();
      clock.advanceS(30);
      await keys.find(header('second'));

      await writeFile(path, setOf(first));
      clock.advanceS(60);
      await expect(keys.find(header('second'))).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    });

    it('answers 503 for a file that is missing or larger than 256 KiB', async () => {
      await expect(keysOf({ jwks_file: path }).find(header('first'))).rejects.toMatchObject({
        code: 'unavailable',
      });
      await writeFile(path, setOf(first).padEnd(256 * 1024 + 1));
      await expect(keysOf({ jwks_file: path }).find(header('first'))).rejects.toMatchObject({
        code: 'unavailable',
      });
      await writeFile(path, setOf(first).padEnd(256 * 1024));
      await keysOf({ jwks_file: path }).find(header('first'));
    });
  });
});
