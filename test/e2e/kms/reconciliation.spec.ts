import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY_SPECS } from '#crypto';
import { keepsKeys, type KeepingEngine } from '#engines';
import { newKeyId } from '#kernel';
import { EngineReconciliationService, type EngineReconciliation } from '#keys';
import { DEVICE, Device, deviceDriver } from '../../fakes/device.js';
import { TestApp, type Answer } from '../../harness/app.js';
import { DEVICE_BACKENDS, engineInput, type DeviceBackend } from '../../harness/device-backends.js';
import { eventually } from '../../harness/eventually.js';
import { KMS, KmsCaller, refusal, type Key } from '../../harness/kms-caller.js';
import { superuserUrl, withClient } from '../platform/database-access.js';

interface Job extends Record<string, unknown> {
  job_id: string;
  state: string;
  result?: EngineReconciliation;
}

const SIGN = { algorithm: 'ECDSA_SHA_256', message: Buffer.from('m').toString('base64') };
const P256 = KEY_SPECS.find(({ algorithm, size }) => algorithm === 'ECDSA' && size === 256)!;

async function reconcile(by: KmsCaller, engine: string, body?: object): Promise<EngineReconciliation> {
  const asked = await by.call<Job>('POST', `${KMS}/engines/${engine}/reconcile`, body);
  expect([asked.status, asked.body.kind]).toEqual([202, 'kms.engine.reconcile']);
  return eventually(`job ${asked.body.job_id}`, async () => {
    const { body: job } = await by.call<Job>('GET', `${KMS}/jobs/${asked.body.job_id}`);
    if (job.state !== 'succeeded') expect(['queued', 'running']).toContain(job.state);
    return job.result;
  });
}
const lastOf = async (by: KmsCaller, engine: string): Promise<unknown> =>
  (await by.call('GET', `${KMS}/engines/${engine}`)).body['last_reconciliation'];
const run = (app: TestApp, text: string): Promise<unknown> =>
  withClient(superuserUrl(app.installation.database.appUrl), (admin) => admin.query(text));
/** What was made a moment ago is not missed. */
const age = (app: TestApp, keyId: string): Promise<unknown> =>
  run(app, `UPDATE kms_key SET creation_ts = creation_ts - interval '1 hour' WHERE key_id = '${keyId}'`);

describe.each(DEVICE_BACKENDS)('the reconciliation of %s', (_, open) => {
  let backend: DeviceBackend;
  let app: TestApp;
  let client: KmsCaller;
  /** Somebody else with access to the device. */
  let device: KeepingEngine;

  const plant = async (tenantId: string): Promise<{ keyId: string; objectId: string }> => {
    const ref = { tenantId, keyId: newKeyId() };
    const { handle } = await device.generate(ref, P256);
    return { keyId: ref.keyId, objectId: device.heldAs({ ...ref, handle }) };
  };
  const held = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { objectId } of device.inventory()) ids.push(objectId);
    return ids;
  };

  beforeAll(async () => {
    backend = await open();
    app = await TestApp.start({ drivers: [backend.driver], jobKinds: [] });
    client = await KmsCaller.of(app, 'acme');
    const registered = await client.call('POST', `${KMS}/engines`, {
      id: 'device',
      name: 'A device',
      ...backend.registration,
    });
    if (registered.status !== 201) throw new Error(registered.text);
    const engine = backend.driver.open(engineInput(backend));
    if (!keepsKeys(engine)) throw new Error('a device that keeps no keys');
    device = engine;
    await device.connect();
  });

  afterAll(async () => {
    await device.close();
    await app.stop();
    await app.installation.remove();
    await backend.stop();
  });

  it('finds what is in one of device and rows only, and changes nothing unless it is told to', async () => {
    const [known, gone] = [
      await client.create({ engine_id: 'device' }),
      await client.create({ engine_id: 'device' }),
    ];
    const [before, orphan, foreign] = [await plant('acme'), await plant('acme'), await plant('Not-A-Tenant')];
    const adopted = await client.call<Key>('POST', `${KMS}/engines/device/adopt`, {
      object_id: before.objectId,
      tenant_id: 'acme',
      name: 'adopted',
    });
    expect(adopted.status).toBe(201);
    await device.discard({ tenantId: 'acme', keyId: gone.key_id });
    await age(app, gone.key_id);

    const report = await reconcile(client, 'device');
    expect(report.counts).toEqual({ known: 2, orphan: 1, foreign: 1, missing: 1 });
    const found = (keyId: string, object_id: unknown): object => ({
      tenant_id: 'acme',
      key_id: keyId,
      object_id,
    });
    expect(report.orphans).toEqual([found(orphan.keyId, orphan.objectId)]);
    expect(report.missing).toEqual([found(gone.key_id, expect.any(String))]);
    expect(await lastOf(client, 'device')).toEqual(report);
    expect(await held()).toContain(orphan.objectId);

    const second = await reconcile(client, 'device', { destroy_orphans: true });
    expect([second.counts.orphan, second.destroyed_orphans]).toEqual([1, 1]);
    expect(await held()).not.toContain(orphan.objectId);
    expect(await held()).toContain(foreign.objectId);
    expect((await reconcile(client, 'device')).counts).toEqual({
      known: 2,
      orphan: 0,
      foreign: 1,
      missing: 1,
    });
    for (const id of [known.key_id, adopted.body.key_id]) expect(await client.sign(id, SIGN)).not.toBe('');
    const { rows } = (await run(
      app,
      `SELECT body::jsonb -> 'detail' ->> 'key_id' AS key_id FROM audit_event WHERE action = 'kms.engine.destroy-orphan'`,
    )) as { rows: unknown[] };
    expect(rows).toEqual([{ key_id: orphan.keyId }]);
    const warnings = app.logs.filter((line) => line.includes('an engine and its keys differ'));
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings.join('')).not.toContain(orphan.keyId);
  });
});

describe('a reconciliation', () => {
  const device = new Device();
  let app: TestApp;
  let client: KmsCaller;

  beforeAll(async () => {
    app = await TestApp.start({ drivers: [deviceDriver(device)], jobKinds: [] });
    client = await KmsCaller.of(app, 'acme');
    const registered = await client.call('POST', `${KMS}/engines`, DEVICE);
    if (registered.status !== 201) throw new Error(registered.text);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('takes no key for an orphan that is just being made, and none for missing that was just made', async () => {
    let reports: EngineReconciliation[] = [];
    const made = await new Promise<Key>((resolve, reject) => {
      device.onMade = async () => {
        device.onMade = async () => undefined;
        reports = [await reconcile(client, 'hsm', { destroy_orphans: true })];
      };
      client.create({ engine_id: 'hsm' }).then(resolve, reject);
    });
    expect(await client.sign(made.key_id, SIGN)).not.toBe('');
    const key = device.keys.get(`acme/${made.key_id}`)!;
    device.keys.delete(`acme/${made.key_id}`);
    reports.push(await reconcile(client, 'hsm'));
    for (const { counts } of reports) expect([counts.orphan, counts.missing]).toEqual([0, 0]);
    device.keys.set(`acme/${made.key_id}`, key);
  });

  it('looks at all of a device, and shows the first hundred', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const ids = Array.from({ length: 1_500 }, () => `acme/${newKeyId()}`);
    for (const id of ids) device.keys.set(id, privateKey);
    const report = await reconcile(client, 'hsm');
    expect([report.counts.orphan, report.orphans.length]).toEqual([1_500, 100]);
    for (const id of ids) device.keys.delete(id);
  });

  it('is for operators: asked for, followed and read', async () => {
    const path = `${KMS}/engines/hsm/reconcile`;
    const tenant = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:write kms:engines:read');
    expect(refusal(await tenant.call('POST', path))).toEqual([403, 'forbidden']);
    const { body } = await client.call<Job>('POST', path);
    expect(refusal(await tenant.call('GET', `${KMS}/jobs/${body.job_id}`))).toEqual([404, 'not_found']);
    expect(refusal(await tenant.call('POST', `${KMS}/jobs/${body.job_id}/cancel`))).toEqual([
      404,
      'not_found',
    ]);
    const listed = await tenant.call<{ list: Job[] }>('GET', `${KMS}/jobs?limit=200`);
    expect(listed.body.list.map((job) => job['kind'])).not.toContain('kms.engine.reconcile');
    for (const [engine, expected] of [
      ['none', [404, 'not_found']],
      ['software', [422, 'unsupported_by_engine']],
    ] as const)
      expect(refusal(await client.call('POST', `${KMS}/engines/${engine}/reconcile`))).toEqual(expected);
    for (const bad of [{ destroy_orphans: 'yes' }, { all: true }])
      expect(refusal(await client.call('POST', path, bad))).toEqual([400, 'validation_failed']);
  });

  it('is one job for one Idempotency-Key', async () => {
    const path = `${KMS}/engines/hsm/reconcile`;
    const answers: Answer<Job>[] = [];
    for (let n = 0; n < 3; n += 1)
      answers.push(await client.call<Job>('POST', path, {}, { 'idempotency-key': 'once' }));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.job_id}`)).size).toBe(1);
  });

  it('goes by itself when an engine is due, in one of the processes, and is forgotten with its engine', async () => {
    const another = await TestApp.start({ installation: app.installation, drivers: [deviceDriver(device)] });
    const services = [app, another, app, another].map(({ services: { parts } }) =>
      parts.find((part): part is EngineReconciliationService => part instanceof EngineReconciliationService)!,
    );
    const { signal } = new AbortController();
    const reports: unknown[] = [];
    const runAll = async (): Promise<void> => {
      await Promise.all(services.map((service) => service.runDue(signal)));
      reports.push(await lastOf(client, 'hsm'));
    };
    await reconcile(client, 'hsm');
    await runAll();
    const reads = device.inventories;
    await run(app, `UPDATE engine_reconciliation SET due_ts = now() - interval '1 second'`);
    await runAll();
    expect(device.inventories - reads).toBe(1);
    expect(reports[1]).not.toEqual(reports[0]);
    await runAll();
    expect(reports[2]).toEqual(reports[1]);
    await another.stop();

    const { body } = await client.list({ filter: 'engine_id[eq]hsm', limit: '200' });
    for (const { key_id: id } of body.list) await client.destroy(id);
    expect((await client.call('DELETE', `${KMS}/engines/hsm`)).status).toBe(200);
    expect((await client.call('POST', `${KMS}/engines`, DEVICE)).status).toBe(201);
    expect(await lastOf(client, 'hsm')).toBeUndefined();
  });
});
