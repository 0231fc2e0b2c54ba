import { generateKeyPairSync } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyMaking, KeyReconciler } from '#keys';
import { Installation, TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { DEVICE, Device, deviceDriver } from '../../fakes/device.js';

const P256 = { name: 'a key', algorithm: 'ECDSA', size: 256, engine_id: 'hsm' };
const SIGN = {
  algorithm: 'ECDSA_SHA_256',
  message: Buffer.from('m').toString('base64'),
  message_type: 'raw',
};

describe('a key that lives outside of the database', () => {
  let device: Device;
  let installation: Installation;
  let app: TestApp;
  let owner: pg.Client;
  let caller: KmsCaller;
  let reconciler: KeyReconciler;

  const create = (more: object = {}): Promise<Answer<Key>> =>
    caller.call<Key>('POST', KEYS, { ...P256, ...more });
  const provided = <T>(type: abstract new (...args: never[]) => T): T =>
    (app.services.providers as { provide: unknown; useValue: unknown }[]).find(
      ({ provide }) => provide === type,
    )!.useValue as T;
  const intents = async (): Promise<number> =>
    (await owner.query<{ n: number }>('SELECT count(*)::int AS n FROM key_intent')).rows[0]!.n;
  /** As if so much time had passed. */
  const age = (table: string, column: string): Promise<unknown> =>
    owner.query(`UPDATE ${table} SET ${column} = ${column} - interval '31 days'`);
  /** What the device holds is what the database knows of, and nothing is under way. */
  const expectAgreement = async (): Promise<void> => {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT tenant_id || '/' || key_id AS name FROM kms_key
        WHERE engine_id = 'hsm' AND state <> 'destroyed' AND has_private_key`,
    );
    expect([...device.keys.keys()].sort()).toEqual(rows.map(({ name }) => name).sort());
    expect(await intents()).toBe(0);
  };

  beforeAll(async () => {
    device = new Device();
    installation = await Installation.create();
    app = await TestApp.start({ installation, drivers: [deviceDriver(device)] });
    const operator = await KmsCaller.of(app, 'operators');
    expect((await operator.call('POST', `${KMS}/engines`, DEVICE)).status).toBe(201);
    caller = await KmsCaller.of(app, 'acme');
    owner = new pg.Client(installation.database.ownerUrl);
    await owner.connect();
    for (const table of ['key_intent', 'kms_key']) {
      await owner.query(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`);
    }
    reconciler = provided(KeyReconciler);
    // Rounds of its own would come between.
    await reconciler.close();
  });

  beforeEach(() => {
    device.isAway = false;
    device.losesAnswers = false;
    device.onMade = async () => undefined;
  });

  afterAll(async () => {
    await owner.end();
    await app.stop();
    await installation.remove();
  });

  it('is there and signs, or is neither in the database nor in the device', async () => {
    const { status, body } = await create();
    expect(status).toBe(201);
    expect(await caller.sign(body.key_id, SIGN)).not.toBe('');
    await expectAgreement();
  });

  it('has in its audit record what the device says of how it guards it', async () => {
    const { rows } = await owner.query<{ evidence: object }>(
      `SELECT body::jsonb -> 'detail' -> 'evidence' AS evidence FROM audit_event WHERE action = 'kms.key.create'`,
    );
    expect(rows).toContainEqual({ evidence: { never_extractable: true } });
  });

  it('is discarded where the device made it and its answer was lost', async () => {
    device.losesAnswers = true;
    expect(refusal(await create())).toEqual([503, 'unavailable']);
    device.losesAnswers = false;
    await expectAgreement();
  });

  it('is found by its intent and discarded, where the device was away by then', async () => {
    device.onMade = async () => {
      device.isAway = true;
      device.losesAnswers = true;
    };
    expect(refusal(await create())).toEqual([503, 'unavailable']);
    device.isAway = false;
    expect(await intents()).toBe(1);
    await reconciler.run();
    // Its maker may be at work: its time has to pass first.
    expect(await intents()).toBe(1);
    await age('key_intent', 'due_ts');
    expect(await reconciler.run()).toEqual({ destroyed: 0, discarded: 1 });
    await expectAgreement();
  });

  it('is not stored by a maker that was given up, nor left in the device', async () => {
    device.onMade = async () => {
      await age('key_intent', 'due_ts');
      await reconciler.run();
    };
    expect(refusal(await create())).toEqual([503, 'unavailable']);
    await expectAgreement();
  });

  it('is made by one at a time of those who make the same one', async () => {
    const making = provided(KeyMaking);
    const engine = deviceDriver(device).open({ ...DEVICE, secrets: new Map() });
    const keyId = 'key-twice';
    let atWork = 0;
    let most = 0;
    const one = (): Promise<void> =>
      making.run(
        { tenantId: 'acme' },
        {
          engine,
          keyId,
          make: async () => {
            most = Math.max(most, (atWork += 1));
            await new Promise((resolve) => setImmediate(resolve));
            atWork -= 1;
            return {};
          },
          store: async () => undefined,
        },
      );
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, one));
    expect(most).toBe(1);
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'unavailable' });
    }
    await expectAgreement();
  });

  it('is left alone by a belated attempt that makes it again', async () => {
    const { body } = await create();
    const engine = deviceDriver(device).open({ ...DEVICE, secrets: new Map() });
    const again = provided(KeyMaking).run(
      { tenantId: 'acme' },
      {
        engine,
        keyId: body.key_id,
        make: () => Promise.reject(new Error('the engine was asked')),
        store: () => Promise.reject(new Error('it was stored')),
      },
    );
    await expect(again).rejects.toMatchObject({ code: 'unavailable' });
    await age('key_intent', 'due_ts');
    await reconciler.run();
    expect(await caller.sign(body.key_id, SIGN)).not.toBe('');
    await expectAgreement();
  });

  it('is not taken out of the device when the same public key is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const first = await caller.importKey({ private_key: pem }, { engine_id: 'hsm' });
    expect(first.status).toBe(201);
    const second = await caller.importKey({ private_key: pem }, { engine_id: 'hsm' });
    expect([
      ...refusal(second),
      (second.body as unknown as Record<string, unknown>)['existing_key_id'],
    ]).toEqual([409, 'key_exists', first.body.key_id]);
    expect(await caller.sign(first.body.key_id, SIGN)).not.toBe('');
    await expectAgreement();
  });

  it('is succeeded by one that is there, or not at all', async () => {
    const { body } = await create();
    device.losesAnswers = true;
    expect(refusal(await caller.call('POST', keyPath(body.key_id, '/rotate')))).toEqual([503, 'unavailable']);
    device.losesAnswers = false;
    await expectAgreement();
    const successor = await caller.act(body.key_id, 'rotate');
    expect(await caller.sign(successor.key_id, SIGN)).not.toBe('');
    await expectAgreement();
  });

  describe('DELETE', () => {
    it('202 while the device is away: it signs no more, and is destroyed once that is back', async () => {
      const { body } = await create();
      device.isAway = true;
      const answer = await caller.call('DELETE', keyPath(body.key_id));
      expect([answer.status, answer.body['status']]).toEqual([202, 'pending_deletion']);
      expect((await caller.read(body.key_id)).state).toBe('pending_deletion');
      device.isAway = false;
      expect(refusal(await caller.call('POST', keyPath(body.key_id, '/sign'), SIGN))).toEqual([
        409,
        'key_state',
      ]);
      expect(refusal(await caller.call('POST', keyPath(body.key_id, '/restore')))).toEqual([
        409,
        'key_state',
      ]);
      expect(await reconciler.run()).toEqual({ destroyed: 1, discarded: 0 });
      expect(refusal(await caller.get(body.key_id))).toEqual([404, 'not_found']);
      await expectAgreement();
    });

    it('200 at once, and again 404', async () => {
      const { body } = await create();
      expect((await caller.call('DELETE', keyPath(body.key_id))).body).toEqual({ status: 'deleted' });
      expect(refusal(await caller.call('DELETE', keyPath(body.key_id)))).toEqual([404, 'not_found']);
      await expectAgreement();
    });
  });
});
