import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

const SIGN = { algorithm: 'ES256', message: 'aGVsbG8=' };

/** Every use of a key: method, what is below the key, and a good body. */
const USES: [method: string, below: string, body?: unknown][] = [
  ['GET', ''],
  ['GET', '/public-key'],
  ['POST', '/sign', SIGN],
  ['POST', '/verify', { ...SIGN, signature: 'AAAA' }],
  ['POST', '/csr', { subject: 'CN=x' }],
  ['PUT', '/name', { name: 'changed' }],
  ['PUT', '/tags', { tags: [] }],
  ['PUT', '/alias', { patches: [{ op: 'add', path: '/-', value: 'theirs' }] }],
  ['PUT', '/metadata', { patches: [{ op: 'add', path: '/x', value: 1 }] }],
  ['POST', '/disable'],
  ['POST', '/enable'],
  ['DELETE', ''],
];

describe.each(['keys', 'aliases', 'tags'] as const)('a token narrowed by %s', (way) => {
  let app: TestApp;
  let full: KmsCaller;
  let narrow: KmsCaller;
  let seen: Key;
  let hidden: Key;

  const make = async (name: string): Promise<Key> => {
    const key = await full.create({ name, tags: [`tag-${name}`, 'common'], metadata: { name } });
    return full.alias(key.key_id, `alias-${name}`);
  };

  beforeAll(async () => {
    app = await TestApp.start();
    full = await KmsCaller.of(app, 'acme');
    [seen, hidden] = [await make('seen'), await make('hidden')];
    const to = { keys: [seen.key_id], aliases: ['alias-seen'], tags: ['tag-seen'] }[way];
    narrow = await KmsCaller.of(app, 'acme', undefined, { [way]: to });
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('reads, signs and verifies with its key under each name', async () => {
    for (const ref of [seen.key_id, 'alias-seen', seen.pkcs11_uri]) {
      expect((await narrow.read(ref)).key_id).toBe(seen.key_id);
      const signature = await narrow.sign(ref, SIGN);
      expect(await narrow.verify(ref, { ...SIGN, signature })).toEqual({ valid: true });
    }
  });

  it.each(USES)(
    '404 on %s /keys/{id}%s of any other key, as for one that does not exist',
    async (method, below, body) => {
      const ask = (ref: string): Promise<Answer> =>
        narrow.call(method, keyPath(ref, below), body, { 'x-request-id': 'same' });
      const unknown = await ask(UNKNOWN_KEY);
      expect(refusal(unknown)).toEqual([404, 'not_found']);
      for (const ref of [hidden.key_id, 'alias-hidden', hidden.pkcs11_uri]) {
        const answer = await ask(ref);
        expect([ref, answer.status, answer.text]).toEqual([ref, 404, unknown.text]);
      }
      expect(await full.read(hidden.key_id)).toEqual(hidden);
    },
  );

  it('lists and counts its key only, whatever is asked for', async () => {
    for (const filter of ['tags[ct]common', 'metadata.name[exists]', 'name[in]seen,hidden', 'size[eq]256']) {
      const { body } = await narrow.list({ filter });
      expect([filter, body.list.map((key) => key.key_id)]).toEqual([filter, [seen.key_id]]);
      expect((await narrow.stats(filter)).total_keys).toBe(1);
    }
    for (const filter of ['tags[ct]tag-hidden', 'aliases[ct]alias-hidden', `key_id[eq]${hidden.key_id}`]) {
      expect((await narrow.list({ filter })).body).toEqual({ next_bookmark: '', list: [] });
      expect((await narrow.stats(filter)).total_keys).toBe(0);
    }
    const page = await narrow.list({ limit: '1' });
    expect([page.body.list.length, page.body.next_bookmark]).toEqual([1, '']);
    expect((await narrow.stats()).keys_distribution_per_algorithm).toMatchObject({ ECDSA: 1, RSA: 0 });
  });

  it('goes on with a bookmark of an unnarrowed token, but sees no more for it', async () => {
    const first = await full.list({ limit: '1' });
    const next = await narrow.list({ bookmark: first.body.next_bookmark, limit: '200' });
    expect(next.body.list.map((key) => key.key_id)).not.toContain(hidden.key_id);
  });

  it('403 on whatever makes a key, and on the audit log, which names all of them', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const public_key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const before = await full.stats();
    for (const answer of [
      await narrow.call('POST', KEYS, { algorithm: 'Ed25519', name: 'more' }),
      await narrow.call('POST', `${KEYS}/import`, { name: 'more', public_key }),
      await narrow.call('POST', keyPath(seen.key_id, '/rotate')),
      await narrow.call('POST', keyPath(hidden.key_id, '/rotate')),
      await narrow.call('POST', keyPath(UNKNOWN_KEY, '/rotate')),
      await narrow.call('GET', '/api/platform/v1/audit'),
    ]) {
      expect(refusal(answer)).toEqual([403, 'forbidden']);
    }
    expect(await full.stats()).toEqual(before);
  });

  it('409 without naming the other key where an alias is taken by it', async () => {
    const answer = await narrow.call('PUT', keyPath(seen.key_id, '/alias'), {
      patches: [{ op: 'add', path: '/-', value: 'alias-hidden' }],
    });
    expect(refusal(answer)).toEqual([409, 'alias_taken']);
    expect(answer.text).not.toContain(hidden.key_id);
  });

  it('signs of a batch what is its own', async () => {
    const items = [hidden.key_id, seen.key_id, 'alias-hidden'].map((key) => ({ key, ...SIGN }));
    const { body } = await narrow.call<{ code?: string }[]>('POST', `${KEYS}/batch/sign`, items);
    expect(body.map(({ code }) => code)).toEqual(['not_found', undefined, 'not_found']);
  });

  it('sees the engines, which are no keys', async () => {
    expect((await narrow.call('GET', `${KMS}/engines`)).status).toBe(200);
  });
});
