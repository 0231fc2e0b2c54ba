import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditVerifier } from '#audit';
import { TestApp, type Answer } from '../../harness/app.js';
import { withClient } from './database-access.js';

const KEYS = '/api/kms/v1/keys';
const AUDIT = '/api/platform/v1/audit';

interface Event {
  event_id: string;
  ts: string;
  action: string;
  outcome: string;
  actor: string;
  request_id: string;
  key_id: string | null;
  detail: Record<string, unknown>;
  lane: number;
  seq: number;
  hash: string;
}

interface Page {
  next_bookmark: string;
  list: Event[];
}

describe('the audit log', () => {
  let app: TestApp;
  let token: string;
  let key: string;

  const call = (method: string, path: string, body?: unknown, id?: string): Promise<Answer> =>
    app.call(method, path, { token, body, ...(id !== undefined && { headers: { 'x-request-id': id } }) });
  const list = (query: string): Promise<Answer<Page>> =>
    app.call<Page>('GET', `${AUDIT}?${query}`, { token });
  const filtered = async (...filters: string[]): Promise<Event[]> => {
    const query = filters.map((filter) => `filter=${encodeURIComponent(filter)}`).join('&');
    const { status, body } = await list(`limit=200&${query}`);
    expect([query, status]).toEqual([query, 200]);
    return body.list;
  };
  /** The one record of a request. */
  const recordOf = async (id: string): Promise<Event | undefined> => {
    const [event, ...more] = await filtered(`request_id[eq]${id}`);
    expect(more).toEqual([]);
    return event;
  };

  beforeAll(async () => {
    app = await TestApp.start();
    await app.tenant('acme');
    token = await app.token('acme');
    const body = {
      algorithm: 'ECDSA',
      size: 256,
      name: 'secret-name',
      tags: ['secret-tag'],
      metadata: { m: 'secret-meta' },
    };
    key = (await call('POST', KEYS, body, 'create')).body.key_id as string;
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  const patch = (path: string, value: unknown) => ({ patches: [{ op: 'add', path, value }] });
  const changes: [string, string, () => Promise<Answer>][] = [
    ['rename', 'kms.key.rename', () => call('PUT', `${KEYS}/${key}/name`, { name: 'n' }, 'rename')],
    ['tag', 'kms.key.tag', () => call('PUT', `${KEYS}/${key}/tags`, { tags: ['t'] }, 'tag')],
    ['alias', 'kms.key.alias', () => call('PUT', `${KEYS}/${key}/alias`, patch('/-', 'a'), 'alias')],
    [
      'annotate',
      'kms.key.annotate',
      () => call('PUT', `${KEYS}/${key}/metadata`, patch('/a', 1), 'annotate'),
    ],
    [
      'sign',
      'kms.key.sign',
      () => call('POST', `${KEYS}/a/sign`, { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' }, 'sign'),
    ],
    ['csr', 'kms.key.csr', () => call('POST', `${KEYS}/${key}/csr`, { subject: 'CN=x' }, 'csr')],
    ['disable', 'kms.key.disable', () => call('POST', `${KEYS}/${key}/disable`, undefined, 'disable')],
    ['enable', 'kms.key.enable', () => call('POST', `${KEYS}/${key}/enable`, undefined, 'enable')],
    ['rotate', 'kms.key.rotate', () => call('POST', `${KEYS}/${key}/rotate`, undefined, 'rotate')],
    ['delete', 'kms.key.destroy', () => call('DELETE', `${KEYS}/${key}`, undefined, 'delete')],
  ];

  it.each(changes)('has who did what to which key, in which request: %s', async (id, action, act) => {
    expect((await act()).status).toBe(200);
    // A rotation has a record of the new key besides.
    const [event, ...more] = await filtered(`request_id[eq]${id}`, `key_id[eq]${key}`);
    expect(event).toMatchObject({
      action,
      outcome: 'success',
      actor: 'urn:claviger:development|tester',
      request_id: id,
    });
    expect(more).toEqual([]);
  });

  it('has a record for every request that changes or uses a key, and none for those that read', async () => {
    const recorded = (await filtered(`key_id[eq]${key}`)).map(({ action }) => action);
    expect(recorded.sort()).toEqual(['kms.key.create', ...changes.map(([, action]) => action)].sort());
    const before = (await list('limit=200')).body.list.length;
    await call('GET', KEYS);
    await call('GET', `${KEYS}/nobody`);
    await call('POST', KEYS, { algorithm: 'nonsense', name: 'n' });
    await call('POST', `${KEYS}/nobody/sign`, { algorithm: 'ED25519', message: 'eA==' });
    expect((await list('limit=200')).body.list).toHaveLength(before);
  });

  it('has of a batch a record for each signature', async () => {
    const made = await call('POST', KEYS, { algorithm: 'Ed25519', name: 'k' });
    const items = ['eA==', 'eQ==', 'eg=='].map((message) => ({
      key: made.body.key_id,
      algorithm: 'ED25519',
      message,
    }));
    const missing = { key: 'nobody', algorithm: 'ED25519', message: 'eA==' };
    expect((await call('POST', `${KEYS}/batch/sign`, [...items, missing], 'batch')).status).toBe(200);
    const events = await filtered('request_id[eq]batch');
    expect(events.map(({ action }) => action)).toEqual(['kms.key.sign', 'kms.key.sign', 'kms.key.sign']);
    expect(new Set(events.map(({ detail }) => detail.message_mac)).size).toBe(3);
  });

  it('has refused permissions, with the permission and the route but nothing of the request', async () => {
    const weak = await app.token('acme', 'kms:keys:read');
    const headers = { 'x-request-id': 'denied' };
    const refused = await app.call('POST', `${KEYS}/${key}/sign`, {
      token: weak,
      headers,
      body: { secret: 1 },
    });
    expect(refused.status).toBe(403);
    expect(await recordOf('denied')).toMatchObject({
      action: 'access.denied',
      outcome: 'refused',
      key_id: null,
      detail: {
        code: 'forbidden',
        permission: 'kms:keys:sign',
        method: 'POST',
        route: '/api/kms/v1/keys/:id/sign',
      },
    });
  });

  it('has refusals of tokens that are narrowed', async () => {
    const narrowed = await app.token('acme', undefined, { keys: [key] });
    const refuse = (method: string, path: string, id: string, body?: unknown) =>
      app.call(method, path, { token: narrowed, body, headers: { 'x-request-id': id } });
    expect((await refuse('POST', KEYS, 'narrow-create', { algorithm: 'Ed25519', name: 'k' })).status).toBe(
      403,
    );
    expect((await refuse('GET', AUDIT, 'narrow-audit')).status).toBe(403);
    for (const id of ['narrow-create', 'narrow-audit']) {
      expect(await recordOf(id)).toMatchObject({ action: 'access.denied', outcome: 'refused' });
    }
  });

  it('has no 401: those are only counted', async () => {
    const count = async (code: string): Promise<number> => {
      const { text } = await app.call('GET', '/metrics');
      return Number(new RegExp(`claviger_refusals_total\\{code="${code}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
    };
    const before = [await count('unauthenticated'), await count('invalid_token')];
    const headers = { 'x-request-id': 'unknown-caller' };
    expect((await app.call('GET', KEYS, { headers })).status).toBe(401);
    expect((await app.call('GET', KEYS, { headers, token: `${token}x` })).status).toBe(401);
    expect([await count('unauthenticated'), await count('invalid_token')]).toEqual(
      before.map((one) => one + 1),
    );
    const { rows } = await withClient(app.installation.database.ownerUrl, (owner) =>
      owner.query(`SELECT 1 FROM audit_event WHERE request_id = 'unknown-caller'`),
    );
    expect(rows).toEqual([]);
  });

  it('has no names, tags, aliases or metadata: what a key is called may be a secret', async () => {
    const { text } = await list('limit=200');
    for (const word of ['secret-name', 'secret-tag', 'secret-meta']) expect(text).not.toContain(word);
  });

  it('can be filtered by each of its fields', async () => {
    const [sign] = await filtered('action[eq]kms.key.sign');
    const all = (await list('limit=200')).body.list;
    const filters: [string, (event: Event) => boolean][] = [
      ['outcome[eq]refused', ({ outcome }) => outcome === 'refused'],
      ['outcome[ne]refused', ({ outcome }) => outcome !== 'refused'],
      [
        'action[in]kms.key.sign,kms.key.csr',
        ({ action }) => ['kms.key.sign', 'kms.key.csr'].includes(action),
      ],
      ['action[contains]key.r', ({ action }) => action.includes('key.r')],
      ['actor[eq_ic]URN:CLAVIGER:DEVELOPMENT|TESTER', ({ actor }) => actor.endsWith('|tester')],
      ['actor[eq]nobody', () => false],
      [`event_id[eq]${sign!.event_id}`, ({ event_id: id }) => id === sign!.event_id],
      [`ts[af]${sign!.ts}`, ({ ts }) => ts > sign!.ts],
      [`ts[bf]${sign!.ts}`, ({ ts }) => ts < sign!.ts],
      [`key_id[eq]${key};outcome[eq]success`, ({ key_id: id }) => id === key],
    ];
    for (const [filter, holds] of filters) {
      const found = (await filtered(filter)).map(({ event_id: id }) => id);
      expect([filter, found]).toEqual([filter, all.filter(holds).map(({ event_id: id }) => id)]);
    }
    expect(await filtered('action[eq]kms.key.sign', 'outcome[eq]refused')).toEqual([]);
  });

  it.each([
    'detail[eq]x',
    'tenant_id[eq]globex',
    'body[ct]x',
    'action[sounds]x',
    'ts[af]yesterday',
    'action[eq',
    '[eq]',
  ])('refuses the filter %s with 400 and its place', async (filter) => {
    const { status, body } = await list(`filter=${encodeURIComponent(filter)}`);
    expect([status, (body as unknown as { code: string }).code]).toEqual([400, 'invalid_filter']);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'sort_by=actor', 'sort_mode=up', 'unknown=1', 'bookmark=x'])(
    'refuses the query %s with 400',
    async (query) => {
      expect((await list(query)).status).toBe(400);
    },
  );

  it.each(['asc', 'desc'])('can be read page by page, each record once, while it grows: %s', async (mode) => {
    const all = (await list(`limit=200&sort_mode=${mode}`)).body.list.map(({ event_id: id }) => id);
    const seen: string[] = [];
    let query = `limit=3&sort_mode=${mode}`;
    for (;;) {
      const { body } = await list(query);
      seen.push(...body.list.map(({ event_id: id }) => id));
      if (body.next_bookmark === '') break;
      await call('POST', KEYS, { algorithm: 'Ed25519', name: 'more' });
      query = `bookmark=${encodeURIComponent(body.next_bookmark)}`;
      if (seen.length > 500) break;
      if (mode === 'asc' && seen.length > all.length) break;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(all));
  });

  it('refuses a bookmark with any character changed, the last one too', async () => {
    const { body } = await list('limit=2');
    const bookmark = body.next_bookmark;
    for (const place of [0, 1, Math.floor(bookmark.length / 2), bookmark.length - 2, bookmark.length - 1]) {
      const other = bookmark[place] === 'A' ? 'B' : 'A';
      const changed = bookmark.slice(0, place) + other + bookmark.slice(place + 1);
      expect([place, (await list(`limit=2&bookmark=${changed}`)).status]).toEqual([place, 400]);
    }
    const elsewhere = `bookmark=${bookmark}&filter=${encodeURIComponent('outcome[eq]success')}`;
    expect((await list(elsewhere)).status).toBe(400);
  });

  it('verifies as a whole', async () => {
    const report = await new AuditVerifier(app.database).verify();
    expect(report.faults).toEqual([]);
    expect(report.records).toBeGreaterThan(20);
  });
});
