import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapPrivateKey } from '#crypto';
import { SecretBytes } from '#kernel';
import { TestApp } from '../../harness/app.js';
import { DEVICE_BACKENDS, type DeviceBackend } from '../../harness/device-backends.js';
import { eventually } from '../../harness/eventually.js';
import { KEYS, KMS, KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';

const MESSAGE = Buffer.from('what a device signs');
const DIGEST = createHash('sha256').update(MESSAGE).digest();
const IMPORT = { name: 'from elsewhere', engine_id: 'device' };

interface Job extends Record<string, unknown> {
  job_id: string;
  state: string;
  result?: { key_id?: string; status?: string };
}

/** Every route of the key plane works on a device's keys as on the software engine's. */
describe.each(DEVICE_BACKENDS)('keys in %s', (_, open) => {
  let backend: DeviceBackend;
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;

  const create = (more: object): Promise<Key> => client.create({ engine_id: 'device', ...more });
  /** All that the device holds, and all that is known of it. */
  const everything = async (): Promise<unknown[]> => [
    (await client.call('GET', `${KMS}/engines/device/objects`)).body,
    (await client.list({ limit: '200' })).body.list,
    (await client.call('GET', `${KMS}/jobs`)).body,
    (await client.call<{ id: string }[]>('GET', `${KMS}/engines`)).body.map(({ id }) => id),
  ];
  const spkiOf = (key: Key) => createPublicKey(Buffer.from(key.public_key, 'base64'));

  beforeAll(async () => {
    backend = await open();
    openssl = await OpenSsl.open();
    app = await TestApp.start({ drivers: [backend.driver], jobKinds: [] });
    client = await KmsCaller.of(app, 'acme');
    const body = { id: 'device', name: 'A device', ...backend.registration };
    const registered = await client.call('POST', `${KMS}/engines`, body);
    if (registered.status !== 201) throw new Error(registered.text);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
    await openssl.close();
    await backend.stop();
  });

  it('are made, sign messages and digests, and verify', async () => {
    for (const [kind, algorithm] of [
      [{ algorithm: 'RSA', size: 2048 }, 'RSASSA_PKCS1_V1_5_SHA_256'],
      [{ algorithm: 'RSA', size: 2048 }, 'RSASSA_PSS_SHA_256'],
      [{ algorithm: 'ECDSA', size: 256 }, 'ECDSA_SHA_256'],
      [{ algorithm: 'ECDSA_SECP256K1', size: 256 }, 'ECDSA_SECP256K1_SHA_256'],
    ] as const) {
      const { key_id: id } = await create(kind);
      for (const [message_type, data] of [
        ['raw', MESSAGE],
        ['digest', DIGEST],
      ] as const) {
        const request = { algorithm, message_type, message: data.toString('base64') };
        const signature = await client.sign(id, request);
        expect(await client.verify(id, { ...request, signature })).toEqual({ valid: true });
      }
    }
  });

  it('sign in batches beside software keys, and sign a request that openssl accepts', async () => {
    const [here, there] = [await create({}), await client.create()];
    const item = { algorithm: 'ECDSA_SHA_256', message: MESSAGE.toString('base64') };
    const items = [here, there, here].map(({ key_id: key }) => ({ key, ...item }));
    const { body } = await client.call<{ signature: string }[]>('POST', `${KMS}/keys/batch/sign`, items);
    for (const [index, key] of [here, there, here].entries()) {
      const signature = Buffer.from(body[index]!.signature, 'base64');
      expect(verify('sha256', MESSAGE, spkiOf(key), signature)).toBe(true);
    }
    const csr = await client.call('POST', keyPath(here.key_id, '/csr'), { subject: 'CN=device' });
    expect(csr.status).toBe(200);
    const run = await openssl.run(['req', '-verify', '-noout'], csr.text);
    expect([run.code, run.stderr]).toEqual([0, expect.stringMatching(/verify OK|self-signature verify OK/i)]);
  });

  it('are brought in, in clear or wrapped, and refused a second time', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
    const first = await client.importKey({ private_key: pkcs8 }, IMPORT);
    expect([first.status, first.text]).toEqual([201, expect.any(String)]);
    const message = MESSAGE.toString('base64');
    const signature = await client.sign(first.body.key_id, { algorithm: 'ECDSA_SHA_256', message });
    expect(verify('sha256', MESSAGE, publicKey, Buffer.from(signature, 'base64'))).toBe(true);
    expect(refusal(await client.importKey({ private_key: pkcs8 }, IMPORT))).toEqual([409, 'key_exists']);

    const opened = await client.call<Record<string, string>>('POST', `${KMS}/engines/device/import-key`);
    const wrapping = createPublicKey(Buffer.from(opened.body['wrapping_key']!, 'base64'));
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const material = SecretBytes.take(other.privateKey.export({ type: 'pkcs8', format: 'der' }));
    const wrapped = wrapPrivateKey(wrapping.export({ type: 'spki', format: 'der' }), 'sha256', material);
    const bring = (bytes: Buffer) =>
      client.call<Key>('POST', `${KMS}/keys/import`, {
        name: 'wrapped',
        import_token: opened.body['import_token'],
        wrapped_key: bytes.toString('base64'),
      });
    const before = await everything();
    const changed = Buffer.from(wrapped);
    changed[changed.length - 1]! ^= 1;
    for (const bytes of [wrapped.subarray(0, -8), changed])
      expect(refusal(await bring(bytes))).toEqual([400, 'invalid_key_material']);
    expect(await everything()).toEqual(before);
    const second = await bring(wrapped);
    expect([second.status, second.body.engine_id]).toEqual([201, 'device']);
    const algorithm = 'RSASSA_PKCS1_V1_5_SHA_256';
    const rsa = await client.sign(second.body.key_id, { algorithm, message });
    expect(verify('sha256', MESSAGE, other.publicKey, Buffer.from(rsa, 'base64'))).toBe(true);
  });

  it('are disabled, rotated, restored and destroyed', async () => {
    const { key_id: id } = await create({});
    const sign = { algorithm: 'ECDSA_SHA_256', message: MESSAGE.toString('base64') };
    await client.act(id, 'disable');
    expect(refusal(await client.call('POST', keyPath(id, '/sign'), sign))).toEqual([409, 'key_state']);
    await client.act(id, 'enable');
    const successor = await client.act(id, 'rotate');
    expect(successor.engine_id).toBe('device');
    expect(await client.sign(successor.key_id, sign)).not.toBe('');
    expect((await client.call('DELETE', `${keyPath(id)}?pending_window_days=7`)).status).toBe(202);
    await client.act(id, 'restore');
    await client.act(id, 'enable');
    expect(await client.sign(id, sign)).not.toBe('');
    for (const key of [id, successor.key_id]) {
      expect((await client.call('DELETE', keyPath(key))).body).toEqual({ status: 'deleted' });
      expect(refusal(await client.call('POST', keyPath(key, '/sign'), sign))).toEqual([404, 'not_found']);
    }
  });

  it('are made, brought in, rotated and destroyed by jobs', async () => {
    const byJob = async (method: string, path: string, body?: unknown): Promise<string | undefined> => {
      const asked = await client.call<Job>(method, path, body, { prefer: 'respond-async' });
      expect([asked.status, asked.text]).toEqual([202, expect.any(String)]);
      return eventually(`job ${asked.body.job_id}`, async () => {
        const { body: job } = await client.call<Job>('GET', `${KMS}/jobs/${asked.body.job_id}`);
        if (job.state !== 'succeeded') expect(['queued', 'running']).toContain(job.state);
        return job.result && (job.result.key_id ?? job.result.status);
      });
    };
    const description = { name: 'by a job', engine_id: 'device' };
    const made = await byJob('POST', KEYS, { ...description, algorithm: 'ECDSA', size: 256 });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    const brought = await byJob('POST', `${KEYS}/import`, { ...description, private_key: pkcs8 });
    const successor = await byJob('POST', keyPath(made!, '/rotate'));
    const message = MESSAGE.toString('base64');
    expect(await client.sign(brought!, { algorithm: 'ECDSA_SHA_384', message })).not.toBe('');
    for (const id of [made!, successor!]) {
      expect(await client.sign(id, { algorithm: 'ECDSA_SHA_256', message })).not.toBe('');
      expect(await byJob('DELETE', keyPath(id))).toBe('deleted');
      expect(refusal(await client.get(id))).toEqual([404, 'not_found']);
    }
  });

  it('are refused where the device cannot hold them, saying so', async () => {
    const engine = await client.call<{ supported_key_types: { type: string; sizes: number[] }[] }>(
      'GET',
      `${KMS}/engines/device`,
    );
    const holds = ([algorithm, size]: readonly [string, number]): boolean =>
      engine.body.supported_key_types.some(({ type, sizes }) => type === algorithm && sizes.includes(size));
    const others = (
      [
        ['ML_DSA', 44],
        ['ECDSA', 224],
      ] as const
    ).filter((kind) => !holds(kind));
    expect(others.length).toBeGreaterThan(0);
    const before = await everything();
    for (const [algorithm, size] of others) {
      const body = { name: 'x', engine_id: 'device', algorithm, size };
      for (const [path, more] of [
        ['', {}],
        ['/bulk', { count: 3 }],
      ] as const) {
        const answer = await client.call('POST', `${KMS}/keys${path}`, { ...body, ...more });
        expect(refusal(answer)).toEqual([422, 'unsupported_by_engine']);
        expect(answer.body['detail']).toContain(algorithm);
      }
    }
    expect(await everything()).toEqual(before);
  });

  it('are in no engine whose registration is wrong: 400 names the member, and nothing is registered', async () => {
    const { config, secrets } = backend.registration;
    const before = await everything();
    for (const [wrongConfig, wrongSecrets, path] of backend.wrong) {
      const answer = await client.call('POST', `${KMS}/engines`, {
        ...backend.registration,
        id: 'wrong',
        name: 'A device',
        config: { ...config, ...wrongConfig },
        secrets: { ...secrets, ...wrongSecrets },
      });
      expect([wrongConfig, ...refusal(answer)]).toEqual([wrongConfig, 400, 'validation_failed']);
      expect(answer.body['errors']).toEqual([{ path, message: expect.any(String) }]);
      expect(refusal(await client.call('GET', `${KMS}/engines/wrong`))).toEqual([404, 'not_found']);
    }
    expect(await everything()).toEqual(before);
  });

  it('tell nothing of how the device is opened: not in answers, logs or rows', async () => {
    const wrong = await client.call('POST', `${KMS}/engines`, {
      id: 'wrong',
      name: 'A device',
      ...backend.registration,
      secrets: Object.fromEntries(
        Object.entries(backend.registration.secrets).map(([name, value]) => [
          name,
          value === backend.secret ? `${value}-not` : value,
        ]),
      ),
    });
    expect(refusal(wrong)).toEqual([400, 'validation_failed']);
    const shown = await client.call('GET', `${KMS}/engines/device`);
    const metrics = await app.call('GET', '/metrics');
    for (const text of [wrong.text, shown.text, metrics.text, ...app.logs]) {
      expect(text).not.toContain(backend.secret);
    }
  });
});
