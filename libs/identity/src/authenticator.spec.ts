import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
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

describe('Authenticator', () => {
  let folder: string;
  let first: IssuerKey;
  let second: IssuerKey;
  let clock: FakeClock;
  let authenticator: Authenticator;

  const publish = (...keys: IssuerKey[]) =>
    writeFile(join(folder, 'jwks.json'), JSON.stringify({ keys: keys.map((key) => key.jwk) }));
  const mint = (claims: Record<string, unknown> = {}, key = first) =>
    signToken(key, goodClaims(clock, claims));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'identity-'));
    [first, second] = await Promise.all([makeIssuerKey('first'), makeIssuerKey('second')]);
  });

  afterAll(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    clock = new FakeClock();
    await publish(first);
    const config = issuerConfig({ jwks_file: join(folder, 'jwks.json') });
    authenticator = new Authenticator(new IssuerRegistry([config], { clock }), clock);
  });

  it('tells who the bearer is, the scheme in any case', async () => {
    const token = await mint();
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      expect(await authenticator.authenticate(`${scheme} ${token}`)).toMatchObject({
        subject: 'alice',
        tenantId: 'acme',
      });
    }
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic YTpi', 'DPoP abc'])(
    'answers unauthenticated without a bearer token: %j',
    async (header) => {
      await expect(authenticator.authenticate(header)).rejects.toMatchObject({ code: 'unauthenticated' });
      expect(authenticator.peek(header)).toBeUndefined();
    },
  );

  it('does not know a token before it was verified, knows it afterwards, and no other', async () => {
    const token = await mint();
    expect(authenticator.peek(`Bearer ${token}`)).toBeUndefined();
    const principal = await authenticator.authenticate(`Bearer ${token}`);
    expect(authenticator.peek(`bearer ${token}`)).toBe(principal);
    expect(authenticator.peek(`Bearer ${token}x`)).toBeUndefined();
    expect(authenticator.peek(`Bearer ${await mint()}`)).toBeUndefined();
  });

  it('remembers a token for 60 s', async () => {
    const header = `Bearer ${await mint()}`;
    await authenticator.authenticate(header);
    clock.advanceS(59.999);
    expect(authenticator.peek(header)).toBeDefined();
    clock.advanceS(0.001);
    expect(authenticator.peek(header)).toBeUndefined();
    await authenticator.authenticate(header);
    expect(authenticator.peek(header)).toBeDefined();
  });

  it('forgets a token at its exp, verifies it anew within the clock skew, and refuses it then', async () => {
    const header = `Bearer ${await mint({ exp: clock.nowS + 10 })}`;
    await authenticator.authenticate(header);
    clock.advanceS(9.999);
    expect(authenticator.peek(header)).toBeDefined();
    clock.advanceS(0.001);
    expect(authenticator.peek(header)).toBeUndefined();
    clock.advanceS(29);
    await authenticator.authenticate(header);
    expect(authenticator.peek(header)).toBeUndefined();
    clock.advanceS(1);
    await expect(authenticator.authenticate(header)).rejects.toMatchObject({
      detail: 'The token has expired.',
    });
  });

  it('verifies a token once for many that bring it at the same time', async () => {
    const header = `Bearer ${await mint()}`;
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const principals = await Promise.all(
      Array.from({ length: 50 }, () => authenticator.authenticate(header)),
    );
    expect(verify).toHaveBeenCalledTimes(1);
    expect(new Set(principals).size).toBe(1);
    verify.mockRestore();
  });

  it('does not remember a refusal', async () => {
    const header = `Bearer ${await mint({ nbf: clock.nowS + 100 })}`;
    await expect(authenticator.authenticate(header)).rejects.toMatchObject({
      detail: 'The token is not valid yet.',
    });
    clock.advanceS(100);
    await authenticator.authenticate(header);
  });

  it('forgets what was verified with a key set as soon as that set changed', async () => {
    const header = `Bearer ${await mint()}`;
    await authenticator.authenticate(header);
    await publish(second);
    clock.advanceS(30);
    expect(authenticator.peek(header)).toBeDefined();
    await authenticator.authenticate(`Bearer ${await mint({}, second)}`);
    expect(authenticator.peek(header)).toBeUndefined();
    await expect(authenticator.authenticate(header)).rejects.toMatchObject({
      detail: 'No key of the issuer fits the token.',
    });
  });

  it('stops a withdrawn key within the age of the set, though the token was used all the time', async () => {
    const header = `Bearer ${await mint()}`;
    await authenticator.authenticate(header);
    clock.advanceS(25);
    const later = `Bearer ${await mint()}`;
    await authenticator.authenticate(later);
    await publish(second);
    clock.advanceS(35);
    expect(authenticator.peek(later)).toBeUndefined();
    await expect(authenticator.authenticate(later)).rejects.toMatchObject({ code: 'invalid_token' });
  });

  it('confirms what it remembers without verifying anew when the set was loaded again unchanged', async () => {
    await authenticator.authenticate(`Bearer ${await mint()}`);
    clock.advanceS(25);
    const header = `Bearer ${await mint()}`;
    const principal = await authenticator.authenticate(header);
    clock.advanceS(35);
    expect(authenticator.peek(header)).toBeUndefined();
    expect(await authenticator.authenticate(header)).toBe(principal);
    expect(authenticator.peek(header)).toBe(principal);
  });

  it('answers 503 with Retry-After, not 401, when the issuer keys cannot be had', async () => {
    await rm(join(folder, 'jwks.json'));
    await expect(authenticator.authenticate(`Bearer ${await mint()}`)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterS: 5,
    });
  });

  it('holds at most 10,000 tokens', { timeout: 120_000 }, async () => {
    const oldest = `Bearer ${await mint()}`;
    await authenticator.authenticate(oldest);
    for (let batch = 0; batch < 100; batch += 1) {
      const tokens = await Promise.all(Array.from({ length: 100 }, () => mint()));
      await Promise.all(tokens.map((token) => authenticator.authenticate(`Bearer ${token}`)));
    }
    expect(authenticator.peek(oldest)).toBeUndefined();
  });
});
