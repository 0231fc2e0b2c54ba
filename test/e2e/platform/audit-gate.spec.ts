import { createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditVerifier } from '#audit';
import { Installation, TestApp, type Answer } from '../../harness/app.js';
import { withClient } from './database-access.js';
import { DatabaseProxy } from './database-proxy.js';

const KEYS = '/api/kms/v1/keys';
const MESSAGE = Buffer.from('hello');
const SIGN = { algorithm: 'ED25519', message: MESSAGE.toString('base64') };

/** What goes over the wire when records are appended, when a change is committed. */
const APPEND = 'audit_append';
const COMMIT = 'COMMIT';

/** The database is lost at the worst moment: while it is told, or after it has noted, what was done. */
describe('no signature without an audit record', () => {
  let installation: Installation;
  let proxy: DatabaseProxy;
  let app: TestApp;
  let token: string;
  let key: { key_id: string; public_key: string };

  const sign = (headers: Record<string, string> = {}): Promise<Answer> =>
    app.call('POST', `${KEYS}/${key.key_id}/sign`, { token, body: SIGN, headers });
  const ready = (): Promise<void> =>
    expect.poll(async () => (await app.call('GET', '/health/ready')).status, { timeout: 10_000 }).toBe(200);
  const recordsOf = async (requestId: string): Promise<string[]> => {
    const filter = encodeURIComponent(`request_id[eq]${requestId}`);
    const { body } = await app.call<{ list: { action: string }[] }>(
      'GET',
      `/api/platform/v1/audit?filter=${filter}`,
      { token },
    );
    return body.list.map(({ action }) => action);
  };
  const expectRefused = ({ status, body, headers, text }: Answer): void => {
    expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    expect(text).not.toContain('"signature"');
  };

  beforeEach(async () => {
    installation = await Installation.create();
    proxy = await DatabaseProxy.start(installation.database.appUrl);
    app = await TestApp.start({ installation: proxy.installation(installation) });
    await app.tenant('acme');
    token = await app.token('acme');
    const made = await app.call<typeof key>('POST', KEYS, {
      token,
      body: { algorithm: 'Ed25519', name: 'k' },
    });
    key = made.body;
    expect((await sign()).status).toBe(200);
  });

  afterEach(async () => {
    proxy.mend();
    await app.stop();
    await proxy.stop();
    await installation.remove();
  });

  it('where the record does not reach the database: no answer, no record', async () => {
    const cut = proxy.cutAt(APPEND, { forward: false });
    expectRefused(await sign({ 'x-request-id': 'unheard' }));
    await cut;
    proxy.mend();
    await ready();
    expect(await recordsOf('unheard')).toEqual([]);
    expect((await sign()).status).toBe(200);
  });

  it('where the database’s word that it has the record is lost: no answer all the same', async () => {
    const cut = proxy.cutAt(APPEND, { forward: true });
    expectRefused(await sign({ 'x-request-id': 'unanswered' }));
    await cut;
    proxy.mend();
    await ready();
    expect(await recordsOf('unanswered')).toEqual(['kms.key.sign']);
    expect((await sign()).status).toBe(200);
  });

  it('where many wait for one commit: each is answered with a record, or refused', async () => {
    for (const forward of [false, true, false]) {
      const ids = Array.from(
        { length: 60 },
        (_, n) => `batch-${forward}-${n}-${Math.random().toString(36).slice(2)}`,
      );
      const before = Promise.all(ids.slice(0, 30).map((id) => sign({ 'x-request-id': id })));
      const cut = proxy.cutAt(APPEND, { forward });
      const answers = [
        ...(await before),
        ...(await Promise.all(ids.slice(30).map((id) => sign({ 'x-request-id': id })))),
      ];
      await cut;
      proxy.mend();
      await ready();
      for (const [index, answer] of answers.entries()) {
        if (answer.status !== 200) expectRefused(answer);
        else expect(await recordsOf(ids[index]!)).toEqual(['kms.key.sign']);
      }
      expect(answers.some(({ status }) => status === 503)).toBe(true);
    }
    const report = await new AuditVerifier(app.database).verify();
    expect(report.faults).toEqual([]);
  });

  it('a refusal that cannot be recorded is 503, not a silent 403', async () => {
    const weak = await app.token('acme', 'kms:keys:read');
    const attempt = (): Promise<Answer> => app.call('POST', KEYS, { token: weak, body: {} });
    expect((await attempt()).status).toBe(403);
    const cut = proxy.cutAt(APPEND, { forward: false });
    expectRefused(await attempt());
    await cut;
  });

  it('a change and its record are committed together or not at all', async () => {
    for (const forward of [false, true]) {
      const name = `created-${forward}`;
      const cut = proxy.cutAt(COMMIT, { forward, after: 'insert_key' });
      const answer = await app.call('POST', KEYS, {
        token,
        body: { algorithm: 'Ed25519', name },
        headers: { 'x-request-id': name },
      });
      expect(answer.status).toBe(503);
      await cut;
      proxy.mend();
      await ready();
      const listed = await app.call<{ list: (typeof key)[] }>('GET', `${KEYS}?filter=name[eq]${name}`, {
        token,
      });
      expect(listed.body.list).toHaveLength(forward ? 1 : 0);
      expect(await recordsOf(name)).toEqual(forward ? ['kms.key.create'] : []);
      for (const { key_id: id } of listed.body.list) {
        expect((await app.call('POST', `${KEYS}/${id}/sign`, { token, body: SIGN })).status).toBe(200);
      }
    }
  });

  it('a key that is disabled by statement signs no more, however well it is remembered', async () => {
    const other = await TestApp.start({ installation });
    expect((await sign()).status).toBe(200);
    const disabled = await other.call('POST', `${KEYS}/${key.key_id}/disable`, { token });
    expect(disabled.status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => sign()));
    for (const { status, body } of answers) expect([status, body.code]).toEqual([409, 'key_state']);
    await other.stop();
  });

  it('what is answered was signed by the key, and is found in the log by its HMAC, which only the tenant can make', async () => {
    const signed = await sign({ 'x-request-id': 'to-be-found' });
    const signature = Buffer.from(signed.body.signature as string, 'base64');
    const publicKey = createPublicKey(Buffer.from(key.public_key, 'base64'));
    expect(verify(null, MESSAGE, publicKey, signature)).toBe(true);
    const { rows } = await withClient(installation.database.ownerUrl, (owner) =>
      owner.query<{ body: string }>(`SELECT body FROM audit_event WHERE request_id = 'to-be-found'`),
    );
    const { detail } = JSON.parse(rows[0]!.body) as { detail: Record<string, string> };
    expect(Object.keys(detail).sort()).toEqual(['algorithm', 'message_mac', 'message_type', 'signature_mac']);
    expect(detail).toMatchObject({ algorithm: 'ED25519', message_type: 'raw' });
    for (const mac of [detail.message_mac, detail.signature_mac]) expect(mac).toMatch(/^[0-9a-f]{64}$/);
  });
});
