import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal } from '../../harness/kms-caller.js';

const SIGN = { algorithm: 'ECDSA_SHA_256', message: 'aGVsbG8=' };

describe('the life of a key', () => {
  let app: TestApp;
  let client: KmsCaller;

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  describe('POST disable and enable', () => {
    it('200: signing stops with 409 while verifying and reading go on, and comes back', async () => {
      const { key_id: id } = await client.create();
      const signature = await client.sign(id, SIGN);
      const disabled = await client.call('POST', keyPath(id, '/disable'));
      expect([disabled.status, disabled.body.state, disabled.headers.get('etag')]).toEqual([
        200,
        'disabled',
        '"2"',
      ]);
      const refused = [
        await client.call('POST', keyPath(id, '/sign'), SIGN),
        await client.call('POST', keyPath(id, '/csr'), { subject: 'CN=x' }),
      ];
      for (const answer of refused) expect(refusal(answer)).toEqual([409, 'key_state']);
      expect(await client.verify(id, { ...SIGN, signature })).toEqual({ valid: true });
      expect((await client.read(id)).state).toBe('disabled');
      expect((await client.list({ filter: `state[eq]disabled;key_id[eq]${id}` })).body.list).toHaveLength(1);
      expect((await client.call('PUT', keyPath(id, '/name'), { name: 'still editable' })).status).toBe(200);
      const enabled = await client.act(id, 'enable');
      expect([enabled.state, enabled.version]).toEqual(['enabled', 4]);
      expect(await client.sign(id, SIGN)).not.toBe('');
    });

    it('200 and the same version where nothing changes', async () => {
      const { key_id: id } = await client.create();
      expect((await client.act(id, 'enable')).version).toBe(1);
      await client.act(id, 'disable');
      expect((await client.act(id, 'disable')).version).toBe(2);
    });

    it('stops a batch item by item', async () => {
      const [on, off] = [await client.create(), await client.create()];
      await client.act(off.key_id, 'disable');
      const items = [off, on].map(({ key_id: key }) => ({ key, ...SIGN }));
      const answer = await client.call<{ code?: string }[]>('POST', '/api/kms/v1/keys/batch/sign', items);
      expect([answer.status, answer.body.map(({ code }) => code)]).toEqual([200, ['key_state', undefined]]);
    });
  });

  describe('POST rotate', () => {
    it('200 with a successor of the same kind that has the aliases; the old key stays for verification', async () => {
      const old = await client.create({ algorithm: 'ECDSA', size: 384, tags: ['t'], metadata: { m: 1 } });
      await client.alias(old.key_id, 'current', 'also');
      const signature = await client.sign('current', SIGN);
      const answer = await client.call('POST', keyPath('current', '/rotate'));
      expect(answer.status).toBe(200);
      const fresh = await client.read('current');
      expect(answer.headers.get('etag')).toBe(`"${fresh.version}"`);
      expect(answer.body).toEqual(fresh);
      expect(fresh).toMatchObject({
        name: old.name,
        aliases: ['current', 'also'],
        algorithm: 'ECDSA',
        size: 384,
        tags: ['t'],
        metadata: { m: 1 },
        origin: 'generated',
        state: 'enabled',
        rotated_from: old.key_id,
      });
      expect(fresh.key_id).not.toBe(old.key_id);
      expect(fresh.fingerprint).not.toBe(old.fingerprint);
      expect(await client.read(old.key_id)).toMatchObject({ aliases: [], rotated_to: fresh.key_id });
      expect(await client.verify(old.key_id, { ...SIGN, signature })).toEqual({ valid: true });
      expect((await client.verify('current', { ...SIGN, signature })).valid).toBe(false);
      const next = await client.sign('also', SIGN);
      expect(await client.verify(fresh.key_id, { ...SIGN, signature: next })).toEqual({ valid: true });
      const byAlias = await client.list({ filter: 'aliases[ct]current' });
      expect(byAlias.body.list.map((key) => key.key_id)).toEqual([fresh.key_id]);
    });

    it('409 the second time, and but one successor of many rotations at once', async () => {
      const { key_id: id } = await client.create({ tags: ['once'] });
      const path = keyPath(id, '/rotate');
      const answers = await Promise.all(Array.from({ length: 6 }, () => client.call('POST', path)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
      expect(refusal(await client.call('POST', path))).toEqual([409, 'key_state']);
      expect((await client.list({ filter: 'tags[ct]once' })).body.list).toHaveLength(2);
    });

    it('goes on from successor to successor', async () => {
      const { key_id: first } = await client.create();
      await client.alias(first, 'chain');
      const second = await client.act('chain', 'rotate');
      const third = await client.act('chain', 'rotate');
      expect([second.rotated_from, third.rotated_from]).toEqual([first, second.key_id]);
      expect((await client.read('chain')).key_id).toBe(third.key_id);
    });
  });

  describe('DELETE', () => {
    it('400 for a parameter it does not know, and the key is there and signs', async () => {
      const { key_id: id } = await client.create();
      const answer = await client.call('DELETE', `${keyPath(id)}?window_days=7`);
      expect(refusal(answer)).toEqual([400, 'validation_failed']);
      expect(answer.text).toContain('window_days');
      expect((await client.call('POST', keyPath(id, '/sign'), SIGN)).status).toBe(200);
    });

    it('200, after which every name is unknown and every use 404', async () => {
      const key = await client.create({ tags: ['doomed'] });
      await client.alias(key.key_id, 'doomed-alias');
      const signature = await client.sign('doomed-alias', SIGN);
      const total = (await client.stats()).total_keys;
      const answer = await client.call('DELETE', keyPath('doomed-alias'));
      expect([answer.status, answer.body]).toEqual([200, { status: 'deleted' }]);
      for (const ref of [key.key_id, 'doomed-alias', key.pkcs11_uri]) {
        const uses = [
          client.call('GET', keyPath(ref)),
          client.call('GET', keyPath(ref, '/public-key')),
          client.call('DELETE', keyPath(ref)),
          client.call('POST', keyPath(ref, '/sign'), SIGN),
          client.call('POST', keyPath(ref, '/verify'), { ...SIGN, signature }),
          client.call('POST', keyPath(ref, '/enable')),
          client.call('POST', keyPath(ref, '/rotate')),
          client.call('PUT', keyPath(ref, '/name'), { name: 'x' }),
        ];
        for (const use of uses) expect(refusal(await use)).toEqual([404, 'not_found']);
      }
      for (const filter of ['tags[ct]doomed', 'aliases[ct]doomed-alias', `key_id[eq]${key.key_id}`]) {
        expect((await client.list({ filter })).body.list).toEqual([]);
      }
      expect((await client.stats()).total_keys).toBe(total - 1);
    });

    it('leaves a tombstone without the private key and frees the aliases', async () => {
      const key = await client.create();
      await client.alias(key.key_id, 'freed');
      await client.destroy(key.key_id);
      const next = await client.create();
      expect((await client.alias(next.key_id, 'freed')).aliases).toEqual(['freed']);
      const rows = await app.database.transaction({ tenantId: 'acme' }, (tx) =>
        tx.query(
          `SELECT k.state, k.aliases, k.destroyed_ts IS NOT NULL AS dated,
                  (SELECT count(*)::int FROM key_handle h WHERE h.key_id = k.key_id) AS handles,
                  (SELECT count(*)::int FROM key_term t WHERE t.key_id = k.key_id) AS terms
             FROM kms_key k WHERE k.key_id = $1`,
          [key.key_id],
        ),
      );
      expect(rows).toEqual([{ state: 'destroyed', aliases: [], dated: true, handles: 0, terms: 0 }]);
      const audit = await client.call(
        'GET',
        `/api/platform/v1/audit?filter=key_id[eq]${key.key_id}&limit=200`,
      );
      expect((audit.body.list as { action: string }[]).map(({ action }) => action)).toContain(
        'kms.key.destroy',
      );
    });

    it('deletes disabled, rotated and verify-only keys too', async () => {
      const disabled = await client.create();
      await client.act(disabled.key_id, 'disable');
      const rotated = await client.create();
      await client.act(rotated.key_id, 'rotate');
      const { public_key } = await client.create();
      const other = await KmsCaller.of(app, 'globex');
      const material = { public_key: Buffer.from(public_key, 'base64') };
      const verifyOnly = (await other.importKey(material)).body;
      await client.destroy(disabled.key_id);
      await client.destroy(rotated.key_id);
      await other.destroy(verifyOnly.key_id);
      expect((await other.get(verifyOnly.key_id)).status).toBe(404);
    });
  });

  it('is changed by nobody without a token, the permission or the key', async () => {
    const { key_id: id } = await client.create();
    const writer = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:write kms:keys:sign');
    const deleter = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:delete kms:keys:sign');
    for (const [method, below, lacking] of [
      ['POST', '/disable', deleter],
      ['POST', '/enable', deleter],
      ['POST', '/rotate', deleter],
      ['DELETE', '', writer],
    ] as const) {
      expect(refusal(await app.call(method, keyPath(id, below)))).toEqual([401, 'unauthenticated']);
      expect(refusal(await lacking.call(method, keyPath(id, below)))).toEqual([403, 'forbidden']);
      expect(refusal(await client.call(method, keyPath(UNKNOWN_KEY, below)))).toEqual([404, 'not_found']);
    }
    expect(await client.read(id)).toMatchObject({ state: 'enabled', version: 1 });
  });
});
