import { afterEach, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';

const KEYS = '/api/kms/v1/keys';
const BURST = 40;

/** A burst is over in a fraction of the second that a limit is for; it touches two of them at most. */
const LIMIT = 5;

describe('the rate limit', () => {
  let app: TestApp;

  async function start(env: Record<string, string>): Promise<void> {
    app = await TestApp.start({ env });
    for (const tenant of ['acme', 'globex']) await app.tenant(tenant);
  }
  afterEach(async () => {
    await app.stop();
    await app.installation.remove();
  });

  const burst = (call: (n: number) => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: BURST }, (_, n) => call(n)));
  const count = (answers: readonly Answer[], status: number): number =>
    answers.filter((answer) => answer.status === status).length;

  function expectRefusals(answers: readonly Answer[], passed: number): void {
    expect(count(answers, passed)).toBeGreaterThanOrEqual(1);
    expect(count(answers, passed)).toBeLessThanOrEqual(BURST / 2);
    const refused = answers.filter(({ status }) => status !== passed);
    for (const { status, body, headers } of refused) {
      expect([status, body.code, body.err]).toEqual([429, 'rate_limited', 'Too many requests']);
      expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(headers.get('content-type')).toContain('application/problem+json');
    }
  }

  it('of a tenant is met by all its callers together, and by no other tenant', async () => {
    await start({ CLAVIGER_RATE_LIMIT: String(LIMIT) });
    const tokens = await Promise.all([1, 2, 3].map(() => app.token('acme')));
    const answers = await burst((n) => app.call('GET', KEYS, { token: tokens[n % 3] }));
    expectRefusals(answers, 200);
    const other = await app.token('globex');
    expect((await app.call('GET', KEYS, { token: other })).status).toBe(200);
  });

  it('of a tenant is met before permission and body are looked at', async () => {
    await start({ CLAVIGER_RATE_LIMIT: String(LIMIT) });
    const token = await app.token('acme', 'kms:keys:sign');
    expectRefusals(await burst(() => app.call('GET', KEYS, { token })), 403);
  });

  it('is off at 0', async () => {
    await start({ CLAVIGER_RATE_LIMIT: '0', CLAVIGER_RATE_LIMIT_ADDRESS: '0' });
    const token = await app.token('acme');
    expect(count(await burst(() => app.call('GET', KEYS, { token })), 200)).toBe(BURST);
    expect(count(await burst(() => app.call('GET', KEYS)), 401)).toBe(BURST);
  });

  it('of an address is met before a token is looked at', async () => {
    await start({ CLAVIGER_RATE_LIMIT_ADDRESS: String(LIMIT) });
    expectRefusals(await burst(() => app.call('GET', KEYS)), 401);
    await expect.poll(async () => (await app.call('GET', KEYS)).status, { timeout: 5_000 }).toBe(401);
    // Good as they are, nobody knows that yet.
    const tokens = await Promise.all(Array.from({ length: BURST }, () => app.token('acme')));
    expect(new Set(tokens).size).toBe(BURST);
    expectRefusals(await burst((n) => app.call('GET', KEYS, { token: tokens[n] })), 200);
  });

  it('of an address does not touch who is known already, for many may share one', async () => {
    await start({ CLAVIGER_RATE_LIMIT_ADDRESS: String(LIMIT) });
    const token = await app.token('acme');
    expect((await app.call('GET', KEYS, { token })).status).toBe(200);
    await burst(() => app.call('GET', KEYS));
    expect(count(await burst(() => app.call('GET', KEYS, { token })), 200)).toBe(BURST);
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'cf-connecting-ip', 'x-client-ip'])(
    'of an address is not escaped by a %s that nobody vouches for',
    async (name) => {
      await start({ CLAVIGER_RATE_LIMIT_ADDRESS: String(LIMIT) });
      const call = (n: number): Promise<Answer> => {
        const value = name === 'forwarded' ? `for=192.0.2.${n}` : `192.0.2.${n}`;
        return app.call('GET', KEYS, { headers: { [name]: value } });
      };
      expectRefusals(await burst(call), 401);
    },
  );

  it('of an address is that of the client where a trusted proxy tells it', async () => {
    await start({ CLAVIGER_RATE_LIMIT_ADDRESS: String(LIMIT), CLAVIGER_TRUST_PROXY: '127.0.0.1' });
    const from = (address: string): Promise<Answer> =>
      app.call('GET', KEYS, { headers: { 'x-forwarded-for': address } });
    expect(count(await burst((n) => from(`192.0.2.${n}`)), 401)).toBe(BURST);
    expectRefusals(await burst((n) => from(`10.9.8.${n}, 198.51.100.7`)), 401);
  });

  it('is counted by code', async () => {
    await start({ CLAVIGER_RATE_LIMIT_ADDRESS: String(LIMIT) });
    const refused = count(await burst(() => app.call('GET', KEYS)), 429);
    const { text } = await app.call('GET', '/metrics');
    expect(text).toContain(`claviger_refusals_total{code="rate_limited"} ${refused}\n`);
    expect(text).toContain(`claviger_refusals_total{code="unauthenticated"} ${BURST - refused}\n`);
  });

  it('lets go again after the time it names', async () => {
    await start({ CLAVIGER_RATE_LIMIT: '1' });
    const token = await app.token('acme');
    const answers = await burst(() => app.call('GET', KEYS, { token }));
    expect(count(answers, 429)).toBeGreaterThan(0);
    await expect
      .poll(async () => (await app.call('GET', KEYS, { token })).status, { timeout: 5_000 })
      .toBe(200);
  });
});
