import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KMS, KmsCaller, refusal, type Key } from '../../harness/kms-caller.js';
import { DEVICE, Device, deviceDriver } from '../../fakes/device.js';

const MESSAGE = Buffer.from('signed by who was there before');
const ADOPT = `${KMS}/engines/hsm/adopt`;

describe('a key that lives in a device already', () => {
  const device = new Device();
  let app: TestApp;
  let operator: KmsCaller;
  let acme: KmsCaller;
  let globex: KmsCaller;

  const plant = (objectId: string): string => {
    device.keys.set(objectId, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    return objectId;
  };
  const adopt = (object_id: string, more: object = {}, by = operator) =>
    by.call<Key>('POST', ADOPT, { object_id, tenant_id: 'acme', name: 'adopted', ...more });

  beforeAll(async () => {
    app = await TestApp.start({ drivers: [deviceDriver(device)] });
    operator = await KmsCaller.of(app, 'operators');
    acme = await KmsCaller.of(app, 'acme');
    globex = await KmsCaller.of(app, 'globex');
    const registered = await operator.call('POST', `${KMS}/engines`, DEVICE);
    if (registered.status !== 201) throw new Error(registered.text);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('is shown to operators beside what is known, and what was made and has no key', async () => {
    const foreign = plant('old-ca');
    const orphan = plant('acme/key-01900000-0000-7000-8000-000000000000');
    const known = await acme.create({ engine_id: 'hsm' });
    const { body } = await operator.call<Record<string, unknown>[]>('GET', `${KMS}/engines/hsm/objects`);
    const statusOf = (id: string): unknown => body.find((one) => one['object_id'] === id)?.['status'];
    expect([foreign, orphan, `acme/${known.key_id}`].map(statusOf)).toEqual(['foreign', 'orphan', 'known']);
    const reader = await KmsCaller.of(app, 'acme', 'kms:engines:read kms:keys:read');
    expect(refusal(await reader.call('GET', `${KMS}/engines/hsm/objects`))).toEqual([403, 'forbidden']);
    expect(refusal(await operator.call('GET', `${KMS}/engines/software/objects`))).toEqual([
      422,
      'unsupported_by_engine',
    ]);
  });

  it('201: it is its tenant’s from then on, signs, and is destroyed in the device', async () => {
    const objectId = plant('code-signing');
    const answer = await adopt(objectId, { tags: ['before'] });
    expect([answer.status, answer.body.tags, answer.body.engine_id]).toEqual([201, ['before'], 'hsm']);
    const { key_id: id } = answer.body;
    const message = MESSAGE.toString('base64');
    const signature = await acme.sign(id, { algorithm: 'ECDSA_SHA_256', message });
    const publicKey = createPublicKey(device.keys.get(objectId)!);
    expect(verify('sha256', MESSAGE, publicKey, Buffer.from(signature, 'base64'))).toBe(true);
    expect(refusal(await adopt(objectId))).toEqual([409, 'key_exists']);
    expect(device.keys.has(objectId)).toBe(true);
    await acme.destroy(id);
    expect(device.keys.has(objectId)).toBe(false);
  });

  it('is of one tenant only: 409 for every other, which tells nothing of whose it is, until it is destroyed', async () => {
    const objectId = plant('shared');
    const { body: key } = await adopt(objectId);
    const refused = await adopt(objectId, { tenant_id: 'globex' });
    expect(refusal(refused)).toEqual([409, 'key_exists']);
    expect(refused.text).not.toMatch(new RegExp(`acme|${key.key_id}|${key.fingerprint}|existing_key_id`));
    // Under another name of the device's it is the same.
    device.keys.set('shared-too', device.keys.get(objectId)!);
    expect(refusal(await adopt('shared-too', { tenant_id: 'globex' }))).toEqual([409, 'key_exists']);
    expect((await globex.list({ filter: 'name[eq]adopted' })).body.list).toEqual([]);
    await acme.destroy(key.key_id);
    expect((await adopt('shared-too', { tenant_id: 'globex' })).status).toBe(201);
  });

  it('is one tenant’s where two processes adopt it at once', async () => {
    const { installation } = app;
    const other = await TestApp.start({ installation, drivers: [deviceDriver(device)] });
    const elsewhere = await KmsCaller.of(other, 'operators');
    const adopting = Array.from({ length: 5 }, (_, index) => plant(`contested-${index}`)).map((objectId) =>
      Promise.all([adopt(objectId), adopt(objectId, { tenant_id: 'globex' }, elsewhere)]),
    );
    for (const answers of await Promise.all(adopting)) {
      expect(answers.map(refusal).sort()).toEqual([
        [201, undefined],
        [409, 'key_exists'],
      ]);
    }
    await other.stop();
  });

  it('404 for what is not there, 403 for who is no operator, 400 for what is no request', async () => {
    const objectId = plant('another');
    for (const answer of [
      await adopt('none'),
      await adopt(objectId, { tenant_id: 'nobody' }),
      await operator.call('POST', `${KMS}/engines/none/adopt`, {
        object_id: 'x',
        tenant_id: 'acme',
        name: 'x',
      }),
    ]) {
      expect(refusal(answer)).toEqual([404, 'not_found']);
    }
    const tenant = await KmsCaller.of(app, 'acme', 'kms:keys:write kms:engines:read');
    expect(refusal(await adopt(objectId, { name: 'refused' }, tenant))).toEqual([403, 'forbidden']);
    for (const more of [{ object_id: '' }, { tenant_id: 'A' }, { engine_id: 'hsm' }, { name: '' }]) {
      expect(refusal(await adopt(objectId, { name: 'refused', ...more }))).toEqual([
        400,
        'validation_failed',
      ]);
    }
    expect((await acme.list({ filter: 'name[eq]refused' })).body.list).toEqual([]);
  });
});
