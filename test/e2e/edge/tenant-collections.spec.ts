import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';

interface Page {
  next_bookmark: string;
  list: Record<string, unknown>[];
}

const KEYS = '/api/kms/v1/keys';
const AUDIT = '/api/platform/v1/audit';
const SIGN = { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' };

/** Two tenants with the same names for everything: what tells their keys apart is the tenant alone. */
describe('what names no key', () => {
  let app: TestApp;
  const tokens = { acme: '', globex: '' };
  const ids = { acme: [] as string[], globex: [] as string[] };
  type Tenant = keyof typeof tokens;

  const get = <T = Page>(tenant: Tenant, path: string): Promise<Answer<T>> =>
    app.call<T>('GET', path, { token: tokens[tenant] });
  const filtered = (path: string, filter: string): string => `${path}?filter=${encodeURIComponent(filter)}`;

  async function fillTenant(tenant: Tenant, count: number): Promise<void> {
    tokens[tenant] = await app.token(tenant);
    for (let n = 0; n < count; n += 1) {
      const body = {
        algorithm: 'ECDSA',
        size: 256,
        name: `key ${n}`,
        tags: ['shared'],
        metadata: { owner: 'ops', tenant },
      };
      const made = await app.call<{ key_id: string }>('POST', KEYS, { token: tokens[tenant], body });
      ids[tenant].push(made.body.key_id);
    }
    const patches = [{ op: 'add', path: '/-', value: 'signing' }];
    const path = `${KEYS}/${ids[tenant][0]}/aliases`;
    const named = await app.call('PUT', path, { token: tokens[tenant], body: { patches } });
    expect(named.status).toBe(200);
  }

  beforeAll(async () => {
    app = await TestApp.start();
    for (const tenant of ['acme', 'globex']) await app.tenant(tenant);
    await fillTenant('acme', 5);
    await fillTenant('globex', 3);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('has the same alias in both tenants, each for a key of its own', async () => {
    for (const tenant of ['acme', 'globex'] as const) {
      const key = await get<{ key_id: string }>(tenant, `${KEYS}/signing`);
      expect(key.body.key_id).toBe(ids[tenant][0]);
      const signed = await app.call('POST', `${KEYS}/signing/sign`, { token: tokens[tenant], body: SIGN });
      const body = { ...SIGN, signature: signed.body.signature };
      const verify = (by: Tenant) => app.call('POST', `${KEYS}/signing/verify`, { token: tokens[by], body });
      const other = tenant === 'acme' ? 'globex' : 'acme';
      expect([(await verify(tenant)).body.valid, (await verify(other)).body.valid]).toEqual([true, false]);
    }
  });

  it('takes an alias away from one tenant without touching that of the other', async () => {
    const take = { patches: [{ op: 'remove', path: '/0' }] };
    const give = { patches: [{ op: 'add', path: '/-', value: 'signing' }] };
    const patch = (ref: string, body: object) =>
      app.call('PUT', `${KEYS}/${ref}/alias`, { token: tokens.globex, body });
    expect((await patch('signing', take)).status).toBe(200);
    expect((await get('globex', `${KEYS}/signing`)).status).toBe(404);
    expect((await get('acme', `${KEYS}/signing`)).status).toBe(200);
    expect((await patch(ids.globex[0]!, give)).status).toBe(200);
  });

  it('lists keys of its own tenant only, whatever is asked for', async () => {
    const foreign = await get<{ fingerprint: string }>('globex', `${KEYS}/signing`);
    const queries = [
      KEYS,
      `${KEYS}?limit=200&sort_by=name&sort_mode=desc`,
      filtered(KEYS, 'tags[contains]shared'),
      filtered(KEYS, 'aliases[contains]signing'),
      filtered(KEYS, 'metadata.owner[eq]ops'),
      filtered(KEYS, 'metadata[jsonpath]$.owner == "ops"'),
      filtered(KEYS, `key_id[in]${[...ids.globex, ...ids.acme].join(',')}`),
      filtered(KEYS, 'name[contains]%'),
    ];
    for (const query of queries) {
      const { status, body } = await get('acme', query);
      expect([query, status]).toEqual([query, 200]);
      for (const key of body.list) expect(ids.acme).toContain(key.key_id);
    }
    for (const filter of [
      `key_id[eq]${ids.globex[0]}`,
      `fingerprint[eq]${foreign.body.fingerprint}`,
      'metadata.tenant[eq]globex',
      'metadata[jsonpath]$.tenant == "globex"',
    ]) {
      const { status, body } = await get('acme', filtered(KEYS, filter));
      expect([filter, status, body.list]).toEqual([filter, 200, []]);
    }
  });

  it('counts keys of its own tenant only', async () => {
    for (const tenant of ['acme', 'globex'] as const) {
      const { body } = await get<Record<string, unknown>>(tenant, '/api/kms/v1/stats');
      const count = ids[tenant].length;
      expect(body.total_keys).toBe(count);
      expect(body.keys_distribution_per_engine).toEqual({ software: count });
      expect(body.keys_distribution_per_algorithm).toMatchObject({ ECDSA: count });
    }
    const none = await get<Record<string, unknown>>(
      'acme',
      filtered('/api/kms/v1/stats', `key_id[eq]${ids.globex[0]}`),
    );
    expect(none.body.total_keys).toBe(0);
  });

  it.each([KEYS, AUDIT])(
    'takes no bookmark of the other tenant in %s, and says of it what it says of noise',
    async (path) => {
      const { body } = await get('globex', `${path}?limit=1`);
      expect(body.next_bookmark).not.toBe('');
      const use = (tenant: Tenant, bookmark: string) =>
        get<Record<string, unknown>>(tenant, `${path}?limit=1&bookmark=${encodeURIComponent(bookmark)}`);
      const [foreign, noise] = [await use('acme', body.next_bookmark), await use('acme', 'bm9pc2U')];
      expect([foreign.status, foreign.body.code]).toEqual([400, 'invalid_bookmark']);
      expect({ ...foreign.body, instance: '' }).toEqual({ ...noise.body, instance: '' });
      expect((await use('globex', body.next_bookmark)).status).toBe(200);
    },
  );

  it('takes no bookmark of another listing', async () => {
    const { body } = await get('acme', `${KEYS}?limit=1`);
    const bookmark = encodeURIComponent(body.next_bookmark);
    expect((await get('acme', `${AUDIT}?limit=1&bookmark=${bookmark}`)).status).toBe(400);
  });

  it('shows of the audit log the chain of its own tenant only', async () => {
    for (const [tenant, other] of [
      ['acme', 'globex'],
      ['globex', 'acme'],
    ] as const) {
      const { body, text } = await get(tenant, `${AUDIT}?limit=200`);
      expect(body.list.map(({ action }) => action)).toContain('kms.key.create');
      for (const id of ids[tenant]) expect(text).toContain(id);
      for (const id of ids[other]) expect(text).not.toContain(id);
      const foreign = await get(tenant, filtered(AUDIT, `key_id[eq]${ids[other][0]}`));
      expect([foreign.status, foreign.body.list]).toEqual([200, []]);
    }
  });

  it('signs of a batch what is its own and answers the rest as unknown, item by item', async () => {
    const [foreign, own] = [ids.globex[0]!, ids.acme[0]!];
    const keys = [
      'key-01900000-0000-7000-8000-000000000000',
      foreign,
      `pkcs11:token-id=software;id=${foreign};type=private`,
      own,
      'signing',
      'alias-of-nobody',
    ];
    const items = keys.map((key, index) => ({ key, reference: String(index), ...SIGN }));
    const answer = await app.call<Record<string, unknown>[]>('POST', `${KEYS}/batch/sign`, {
      token: tokens.acme,
      body: items,
    });
    expect(answer.status).toBe(200);
    const unknown = { err: 'There is no such key.', code: 'not_found' };
    for (const index of [0, 1, 2, 5]) {
      expect(answer.body[index]).toEqual({ reference: String(index), ...unknown });
    }
    for (const index of [3, 4]) {
      const body = { ...SIGN, signature: answer.body[index]?.signature };
      const verified = await app.call('POST', `${KEYS}/${own}/verify`, { token: tokens.acme, body });
      expect(verified.body.valid).toBe(true);
    }
  });

  it('imports a key that the other tenant has, telling nothing of it', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const body = { name: 'same', private_key: Buffer.from(pem).toString('base64') };
    const shapes: string[][] = [];
    for (const tenant of ['acme', 'globex'] as const) {
      const made = await app.call('POST', `${KEYS}/import`, { token: tokens[tenant], body });
      expect(made.status).toBe(201);
      shapes.push(Object.keys(made.body));
      ids[tenant].push(made.body.key_id as string);
      const again = await app.call('POST', `${KEYS}/import`, { token: tokens[tenant], body });
      expect([again.status, again.body.existing_key_id]).toEqual([409, made.body.key_id]);
    }
    expect(shapes[0]).toEqual(shapes[1]);
  });
});
