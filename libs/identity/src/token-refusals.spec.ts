import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { base64url, exportJWK, exportSPKI } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  FakeClock,
  goodClaims,
  issuerConfig,
  makeIssuerKey,
  signToken,
  type IssuerKey,
} from '../test/fake-issuer.js';
import { Authenticator } from './authenticator.js';
import { IssuerRegistry } from './issuer-registry.js';

const OTHER = 'https://other.example';
const part = (value: unknown) => base64url.encode(JSON.stringify(value));

describe('a token is refused', () => {
  const clock = new FakeClock();
  let folder: string;
  let authenticator: Authenticator;
  let key: IssuerKey;
  let rsa: IssuerKey;
  let attacker: IssuerKey;
  let others: IssuerKey;

  const mint = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, signer = key) =>
    signToken(signer, goodClaims(clock, claims), header);
  const answer = async (token: string) =>
    authenticator.authenticate(`Bearer ${token}`).then(
      () => 'accepted',
      (error: { code: string; detail: string }) => {
        expect(authenticator.peek(`Bearer ${token}`)).toBeUndefined();
        return `${error.code}: ${error.detail}`;
      },
    );
  const hmacToken = (secret: string | Uint8Array, alg = 'HS256') =>
    signToken(
      {
        alg,
        jwk: key.jwk,
        privateKey: typeof secret === 'string' ? new TextEncoder().encode(secret) : secret,
      },
      goodClaims(clock),
    );

  const MALFORMED = 'invalid_token: The token is malformed.';
  const ISSUER = 'invalid_token: The issuer of the token is not trusted.';
  const ALGORITHM =
    'invalid_token: The algorithm of the token, or an extension it calls critical, is not accepted.';
  const TYPE = 'invalid_token: The type of the token is not accepted.';
  const KEY = 'invalid_token: No key of the issuer fits the token.';
  const SIGNATURE = 'invalid_token: The signature of the token does not verify.';
  const AUDIENCE = 'invalid_token: The token is meant for another audience.';
  const EXPIRED = 'invalid_token: The token has expired.';
  const EARLY = 'invalid_token: The token is not valid yet.';
  const CLAIMS = 'invalid_token: A claim of the token is missing or malformed.';
  const TENANT = 'tenant_unavailable: The issuer may not speak for the tenant of the token.';

  beforeAll(async () => {
    [key, rsa, attacker, others] = await Promise.all([
      makeIssuerKey('k1'),
      makeIssuerKey('rsa', 'RS256'),
      makeIssuerKey('k1'),
      makeIssuerKey('k1'),
    ]);
    folder = await mkdtemp(join(tmpdir(), 'identity-'));
    const write = async (name: string, keys: IssuerKey[]) => {
      await writeFile(join(folder, name), JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
      return join(folder, name);
    };
    const configs = [
      issuerConfig({ jwks_file: await write('one.json', [key, rsa]) }),
      issuerConfig({ jwks_file: await write('two.json', [others]), issuer: OTHER, tenants: ['initech'] }),
    ];
    authenticator = new Authenticator(new IssuerRegistry(configs, { clock }), clock);
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('unless nothing is wrong with it', async () => {
    expect(await answer(await mint())).toBe('accepted');
    expect(await answer(await mint({ aud: ['elsewhere', 'claviger'] }))).toBe('accepted');
    expect(await answer(await mint({}, { kid: undefined }))).toBe('accepted');
    for (const typ of [undefined, 'jwt', 'at+jwt', 'application/at+JWT']) {
      expect(await answer(await mint({}, { typ }))).toBe('accepted');
    }
  });

  it.each<[string, () => string | Promise<string>, string]>([
    ['its issuer is unknown', () => mint({ iss: 'https://evil.example' }), ISSUER],
    ['its issuer differs by a slash', () => mint({ iss: 'https://issuer.example/' }), ISSUER],
    ['it has no issuer', () => mint({ iss: undefined }), ISSUER],
    ['its issuer is no text', () => mint({ iss: ['https://issuer.example'] }), ISSUER],
    ['its audience is another', () => mint({ aud: 'elsewhere' }), AUDIENCE],
    ['its audience is none', () => mint({ aud: [] }), AUDIENCE],
    ['it has no audience', () => mint({ aud: undefined }), CLAIMS],
    ['it has no exp', () => mint({ exp: undefined }), CLAIMS],
    ['its exp is text', () => mint({ exp: String(clock.nowS + 60) }), CLAIMS],
    ['its exp is null', () => mint({ exp: null }), CLAIMS],
    [
      'its exp is infinite',
      () => signToken(key, JSON.stringify(goodClaims(clock, { exp: 'x' })).replace('"x"', '1e999')),
      CLAIMS,
    ],
    ['it has no subject', () => mint({ sub: undefined }), CLAIMS],
    ['it expired longer ago than the skew', () => mint({ exp: clock.nowS - 30 }), EXPIRED],
    ['its nbf is beyond the skew', () => mint({ nbf: clock.nowS + 31 }), EARLY],
    ['its iat is beyond the skew', () => mint({ iat: clock.nowS + 31 }), EARLY],
    ['its nbf is text', () => mint({ nbf: 'now' }), CLAIMS],
    ['its tenant is outside the list of the issuer', () => mint({ tenant: 'initech' }), TENANT],
    ['it has no tenant', () => mint({ tenant: undefined }), TENANT],
    ['its kid is unknown', () => mint({}, { kid: 'k2' }), KEY],
    ['its kid is no text', () => mint({}, { kid: 7 }), KEY],
    ['its kid walks the file system', () => mint({}, { kid: '../../dev/null' }), KEY],
    ['its algorithm is not in the list, though the key is in the set', () => mint({}, {}, rsa), ALGORITHM],
    ['its key is of another who uses the same kid', () => mint({}, {}, attacker), SIGNATURE],
    [
      'it names an issuer whose key with the same kid did not sign it',
      () => mint({ iss: OTHER, tenant: 'initech' }),
      SIGNATURE,
    ],
    ['it names another issuer than the one that signed it', () => mint({}, {}, others), SIGNATURE],
    ['it carries its own key', () => mint({}, { jwk: attacker.jwk }, attacker), SIGNATURE],
    [
      'it carries its own certificate',
      () => mint({}, { x5c: ['MIIB'], x5u: 'https://evil.example' }, attacker),
      SIGNATURE,
    ],
    ['it has a critical extension', () => mint({}, { crit: ['exp2'], exp2: 1 }), ALGORITHM],
    ['its type is of another use', () => mint({}, { typ: 'dpop+jwt' }), TYPE],
    ['its type is no text', () => mint({}, { typ: ['JWT'] }), TYPE],
    ['its algorithm is none', () => `${part({ alg: 'none' })}.${part(goodClaims(clock))}.`, ALGORITHM],
    ['its algorithm is nOnE', () => `${part({ alg: 'nOnE' })}.${part(goodClaims(clock))}.`, ALGORITHM],
    ['it has no algorithm', () => `${part({ typ: 'JWT' })}.${part(goodClaims(clock))}.AAAA`, MALFORMED],
    [
      'it is an HMAC with the public key in PEM',
      async () => hmacToken(await exportSPKI(key.publicKey)),
      ALGORITHM,
    ],
    [
      'it is an HMAC with the bytes of the public key',
      async () => hmacToken(base64url.decode((await exportJWK(key.publicKey)).x!)),
      ALGORITHM,
    ],
    [
      'it is an HMAC with the DER of the public key',
      async () => hmacToken(new Uint8Array(await crypto.subtle.exportKey('spki', key.publicKey)), 'HS512'),
      ALGORITHM,
    ],
    ['its signature was cut off', async () => (await mint()).replace(/[^.]*$/, ''), SIGNATURE],
    ['its signature is all zero', async () => (await mint()).replace(/[^.]*$/, 'A'.repeat(86)), SIGNATURE],
    [
      'its claims were exchanged',
      async () => (await mint()).replace(/\.[^.]*\./, `.${part(goodClaims(clock, { sub: 'root' }))}.`),
      SIGNATURE,
    ],
    ['its claims are not an object', () => signToken(key, '[]'), MALFORMED],
    ['its claims are not JSON', () => signToken(key, '{'), MALFORMED],
    ['it has four parts', async () => `${await mint()}.AAAA`, MALFORMED],
    ['it is a JWE', () => 'a.b.c.d.e', MALFORMED],
    ['it has white space in it', async () => (await mint()).replace(/.{4}$/, ' $&'), MALFORMED],
    ['it is sent twice in one header', async () => `${await mint()}, Bearer ${await mint()}`, MALFORMED],
    ['it is garbage', () => '\u0000🔑', MALFORMED],
    ['it is longer than 8 KiB, though it is good', () => mint({ padding: 'x'.repeat(6_000) }), MALFORMED],
  ])('when %s', async (_, token, expected) => {
    expect(await answer(await token())).toBe(expected);
  });

  it('only beyond 8 KiB, a long one is taken', async () => {
    const token = await mint({ padding: 'x'.repeat(5_700) });
    expect(token.length).toBeGreaterThan(7_800);
    expect(await answer(token)).toBe('accepted');
  });

  it('only beyond the clock skew', async () => {
    const { nowS } = clock;
    expect(await answer(await mint({ exp: nowS - 29, nbf: nowS + 30, iat: nowS + 30 }))).toBe('accepted');
  });

  it('without asking the place its header names for a key', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end(JSON.stringify({ keys: [attacker.jwk] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const jku = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    expect(await answer(await mint({}, { jku, x5u: jku }, attacker))).toBe(SIGNATURE);
    expect(await answer(await mint({}, { jku }))).toBe('accepted');
    expect(asked).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });

  it('with an answer that repeats nothing of it, in its cause neither', async () => {
    const token = await mint({ sub: 'canary-subject', aud: 'canary-audience' }, { kid: 'k1' });
    const garbage = `${base64url.encode('canary-garbage')}.${base64url.encode('canary-garbage')}.AAAA`;
    for (const bad of [token, garbage]) {
      const error: unknown = await authenticator
        .authenticate(`Bearer ${bad}`)
        .catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'invalid_token', cause: undefined });
      expect(String(error)).not.toContain('canary');
    }
  });

  it('with 401 whatever bytes it is made of', async () => {
    const good = await mint();
    const mutation = fc.tuple(
      fc.nat({ max: good.length - 1 }),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    );
    const property = fc.asyncProperty(mutation, async ([at, text]) => {
      const bad = good.slice(0, at) + text + good.slice(at + 1);
      // The last character of a signature has bits that say nothing, so only what is before it must count.
      if (at === good.length - 1 || bad === good) return;
      expect(await answer(bad)).toMatch(/^invalid_token: /);
    });
    await fc.assert(property, { numRuns: 300 });
  });
});
