import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyReconciler } from '#keys';
import { TestApp } from '../../harness/app.js';
import { KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

const SIGN = {
  algorithm: 'ECDSA_SHA_256',
  message: Buffer.from('m').toString('base64'),
  message_type: 'raw',
};
const DAY_MS = 24 * 60 * 60_000;

describe('a destruction to come', () => {
  let app: TestApp;
  let owner: pg.Client;
  let client: KmsCaller;
  let reconciler: KeyReconciler;

  const schedule = (id: string, days: unknown) =>
    client.call<Record<string, string>>('DELETE', `${keyPath(id)}?pending_window_days=${String(days)}`);
  const act = (id: string, what: string) => client.call<Key>('POST', keyPath(id, `/${what}`));
  const setLeast = (days: number) =>
    client.call('PATCH', '/api/platform/v1/tenants/acme', { min_deletion_days: days });

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
    owner = new pg.Client(app.installation.database.ownerUrl);
    await owner.connect();
    await owner.query('ALTER TABLE kms_key NO FORCE ROW LEVEL SECURITY');
    const providers = app.services.providers as { provide: unknown; useValue: unknown }[];
    reconciler = providers.find(({ provide }) => provide === KeyReconciler)!.useValue as KeyReconciler;
    // Rounds of its own would come between.
    await reconciler.close();
  });

  afterAll(async () => {
    await owner.end();
    await app.stop();
    await app.installation.remove();
  });

  it('202 with its time; meanwhile the key is read and verifies, and neither signs nor changes its state', async () => {
    const { key_id: id, version } = await client.create();
    const signature = await client.sign(id, SIGN);
    const answer = await schedule(id, 7);
    expect([answer.status, answer.body['status']]).toEqual([202, 'pending_deletion']);
    const inMs = Date.parse(answer.body['deletion_ts']!) - Date.now();
    expect(Math.abs(inMs - 7 * DAY_MS)).toBeLessThan(60_000);
    expect(await client.read(id)).toMatchObject({
      state: 'pending_deletion',
      deletion_ts: answer.body['deletion_ts'],
      version: version + 1,
    });
    expect(await client.verify(id, { ...SIGN, signature })).toEqual({ valid: true });
    expect(
      (await client.list({ filter: 'state[eq]pending_deletion' })).body.list.map((one) => one.key_id),
    ).toEqual([id]);
    for (const what of ['enable', 'disable', 'rotate']) {
      expect(refusal(await act(id, what))).toEqual([409, 'key_state']);
    }
    expect(refusal(await client.call('POST', keyPath(id, '/sign'), SIGN))).toEqual([409, 'key_state']);
    expect(refusal(await schedule(id, 8))).toEqual([409, 'key_state']);
  });

  it('is called off by restore, after which the key is disabled, and signs once it is enabled', async () => {
    const { key_id: id } = await client.create();
    await schedule(id, 30);
    const restored = await act(id, 'restore');
    expect(restored.body).toMatchObject({ state: 'disabled' });
    expect(restored.body).not.toHaveProperty('deletion_ts');
    expect(refusal(await act(id, 'restore'))).toEqual([409, 'key_state']);
    await client.act(id, 'enable');
    expect(await client.sign(id, SIGN)).not.toBe('');
  });

  it('comes when its time has come, and not before', async () => {
    const { key_id: id } = await client.create();
    await schedule(id, 7);
    expect((await reconciler.run()).destroyed).toBe(0);
    await owner.query(`UPDATE kms_key SET deletion_ts = now() - interval '1 second' WHERE key_id = $1`, [id]);
    expect(refusal(await act(id, 'restore'))).toEqual([409, 'key_state']);
    expect((await reconciler.run()).destroyed).toBe(1);
    expect(refusal(await client.get(id))).toEqual([404, 'not_found']);
    const { rows } = await owner.query('SELECT 1 FROM key_handle WHERE key_id = $1', [id]);
    expect(rows).toEqual([]);
  });

  it('is not waited for by who deletes the key at once after all', async () => {
    const { key_id: id } = await client.create();
    await schedule(id, 7);
    expect((await client.call('DELETE', keyPath(id))).body).toEqual({ status: 'deleted' });
    expect(refusal(await client.get(id))).toEqual([404, 'not_found']);
  });

  it.each([6, 31, 0, -7, 7.5, 'x', ''])('400 for %j days, and the key signs on', async (days) => {
    const { key_id: id } = await client.create();
    expect(refusal(await schedule(id, days))).toEqual([400, 'validation_failed']);
    expect(await client.sign(id, SIGN)).not.toBe('');
  });

  it('is demanded by the operator of the tenant: 400 for less, naming the least', async () => {
    const { key_id: id } = await client.create();
    expect((await setLeast(14)).body).toMatchObject({ min_deletion_days: 14 });
    for (const answer of [await client.call('DELETE', keyPath(id)), await schedule(id, 13)]) {
      expect(refusal(answer)).toEqual([400, 'validation_failed']);
      expect(answer.text).toContain('at least 14');
    }
    expect((await schedule(id, 14)).status).toBe(202);
    expect(refusal(await client.call('DELETE', keyPath(id)))).toEqual([400, 'validation_failed']);
    await setLeast(0);
    for (const days of [6, 31, 7.5, '7', null]) {
      const refused = await client.call('PATCH', '/api/platform/v1/tenants/acme', {
        min_deletion_days: days,
      });
      expect(refusal(refused)).toEqual([400, 'validation_failed']);
    }
  });

  it('404 for a key of another tenant, whatever is asked of it', async () => {
    const { key_id: id } = await client.create();
    const other = await KmsCaller.of(app, 'other');
    for (const answer of [
      await other.call('DELETE', `${keyPath(id)}?pending_window_days=7`),
      await other.call('POST', keyPath(id, '/restore')),
    ]) {
      expect(refusal(answer)).toEqual([404, 'not_found']);
    }
    expect((await client.read(id)).state).toBe('enabled');
  });
});
