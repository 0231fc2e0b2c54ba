import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Installation, TestApp, type Answer } from '../../harness/app.js';

const TENANTS = '/api/platform/v1/tenants';
const KEYS = '/api/kms/v1/keys';
const SIGN = { algorithm: 'ED25519', message: 'aGVsbG8=' };

describe('tenants', () => {
  let installation: Installation;
  let here: TestApp;
  let there: TestApp;
  let admin: string;
  let owner: pg.Client;

  const post = (path: string, body?: unknown): Promise<Answer> =>
    here.call('POST', path, { token: admin, body });

  beforeAll(async () => {
    installation = await Installation.create();
    here = await TestApp.start({ installation });
    there = await TestApp.start({ installation });
    await here.tenant('operators');
    admin = await here.token('operators');
    owner = new pg.Client(installation.database.ownerUrl);
    await owner.connect();
  });

  afterEach(() => void vi.restoreAllMocks());

  afterAll(async () => {
    await owner.end();
    await here.stop();
    await there.stop();
    await installation.remove();
  });

  it('are created, read and listed by operators', async () => {
    const made = await post(TENANTS, { tenant_id: 'initech' });
    expect([made.status, made.body.tenant_id, made.body.state]).toEqual([201, 'initech', 'active']);
    const read = await here.call('GET', `${TENANTS}/initech`, { token: admin });
    expect([read.status, read.body]).toEqual([200, made.body]);
    const list = await here.call<{ list: { tenant_id: string }[] }>('GET', TENANTS, { token: admin });
    expect(list.body.list.map((tenant) => tenant.tenant_id)).toEqual(['initech', 'operators']);
    const after = await here.call<{ list: unknown[] }>('GET', `${TENANTS}?after=initech&limit=1`, {
      token: admin,
    });
    expect(after.body.list).toHaveLength(1);
  });

  it('work in every process as soon as they are there, also where they were refused a moment ago', async () => {
    const token = await here.token('umbrella');
    expect((await here.call('GET', KEYS, { token })).status).toBe(403);
    expect((await post(TENANTS, { tenant_id: 'umbrella' })).status).toBe(201);
    expect((await here.call('GET', KEYS, { token })).status).toBe(200);
    expect((await there.call('GET', KEYS, { token })).status).toBe(200);
  });

  it('are created once', async () => {
    await post(TENANTS, { tenant_id: 'once' });
    const again = await post(TENANTS, { tenant_id: 'once' });
    expect([again.status, again.body.code]).toEqual([409, 'tenant_exists']);
    const racing = await Promise.all(Array.from({ length: 8 }, () => post(TENANTS, { tenant_id: 'raced' })));
    expect(racing.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 7 }, () => 409)]);
  });

  it.each([
    '',
    'UPPER',
    '-a',
    'a-',
    'a_b',
    'a.b',
    'a'.repeat(64),
    '_platform',
    'ä',
    'a\u0000',
    'a\n',
    null,
    7,
    ['a'],
  ])('are not created as %j', async (tenant) => {
    const { status, body } = await post(TENANTS, { tenant_id: tenant });
    expect([status, body.code]).toEqual([400, 'validation_failed']);
  });

  it.each(['nobody', '_platform', 'UPPER', "a' OR 1=1", '%00', '%', '..'])(
    'that are unknown (%s) answer 404 or a malformed URL, never 500',
    async (id) => {
      const encoded = id === '%00' || id === '%' ? id : encodeURIComponent(id);
      for (const [method, path] of [
        ['GET', `${TENANTS}/${encoded}`],
        ['POST', `${TENANTS}/${encoded}/suspend`],
        ['POST', `${TENANTS}/${encoded}/resume`],
      ] as const) {
        const { status, text } = await here.call(method, path, { token: admin });
        expect([404, 400], text).toContain(status);
      }
    },
  );

  it.each(['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'after=%00', 'unknown=1'])(
    'are not listed with %s',
    async (query) => {
      const { status } = await here.call('GET', `${TENANTS}?${query}`, { token: admin });
      expect(status).toBe(400);
    },
  );

  it('that are suspended sign nothing from the answer on, in any process', async () => {
    await post(TENANTS, { tenant_id: 'signing' });
    const token = await here.token('signing');
    const key = await here.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } });
    const path = `${KEYS}/${key.body.key_id as string}/sign`;
    const load = Array.from({ length: 40 }, (_, n) =>
      (n % 2 ? here : there).call('POST', path, { token, body: SIGN }),
    );
    expect((await post(`${TENANTS}/signing/suspend`)).status).toBe(200);
    const after = await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 ? here : there).call('POST', path, { token, body: SIGN })),
    );
    for (const { status, body } of after) expect([status, body.code]).toEqual([403, 'tenant_unavailable']);
    for (const { status } of await Promise.all(load)) expect([200, 403]).toContain(status);
  });

  it('that are suspended are refused everything a second later in a process that had just served them', async () => {
    await post(TENANTS, { tenant_id: 'reading' });
    const token = await here.token('reading');
    const now = performance.now.bind(performance);
    let laterMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now() + laterMs);
    expect((await there.call('GET', KEYS, { token })).status).toBe(200);
    await post(`${TENANTS}/reading/suspend`);
    expect((await here.call('GET', KEYS, { token })).status).toBe(403);
    laterMs += 1_001;
    const refused = await there.call('GET', KEYS, { token });
    expect([refused.status, refused.body.code]).toEqual([403, 'tenant_unavailable']);
    await post(`${TENANTS}/reading/resume`);
    expect((await here.call('GET', KEYS, { token })).status).toBe(200);
    laterMs += 1_001;
    expect((await there.call('GET', KEYS, { token })).status).toBe(200);
  });

  it('that are suspended are so once: again changes nothing', async () => {
    await post(TENANTS, { tenant_id: 'twice' });
    const first = await post(`${TENANTS}/twice/suspend`);
    const second = await post(`${TENANTS}/twice/suspend`);
    expect([first.body.state, first.body.version]).toEqual(['suspended', 2]);
    expect(second.body).toEqual(first.body);
  });

  it('that do not exist are refused, and get no audit chain of their own', async () => {
    const token = await here.token('phantom');
    const refused = await here.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } });
    expect([refused.status, refused.body.code]).toEqual([403, 'tenant_unavailable']);
    const { rows } = await owner.query<{ tenant_id: string; actor: string }>(
      `SELECT tenant_id, actor FROM audit_event WHERE request_id = $1`,
      [refused.headers.get('x-request-id')],
    );
    expect(rows).toEqual([{ tenant_id: '_platform', actor: 'urn:claviger:development|tester' }]);
    const heads = await owner.query(`SELECT 1 FROM audit_head WHERE tenant_id = 'phantom'`);
    expect(heads.rows).toEqual([]);
  });

  it('of operators that are suspended administer nothing', async () => {
    await post(TENANTS, { tenant_id: 'former' });
    const former = await here.token('former', 'platform:admin');
    await post(`${TENANTS}/former/suspend`);
    const refused = await here.call('POST', `${TENANTS}/former/resume`, { token: former });
    expect(refused.status).toBe(403);
  });
});
