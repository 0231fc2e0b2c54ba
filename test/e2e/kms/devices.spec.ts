import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapPrivateKey } from '#crypto';
import { awsKmsDriver, type EngineDriver } from '#engines';
import { SecretBytes } from '#kernel';
import { AwsKmsFake, FAKE_CREDENTIALS } from '../../fakes/aws-kms/aws-kms-fake.js';
import { TestApp } from '../../harness/app.js';
import { KMS, KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';
import { SOFTHSM_MODULE, SoftHsm } from '../../harness/softhsm.js';

const MESSAGE = Buffer.from('what a device signs');
/** Four seconds at AWS. */
const IMPORT_INTERVAL_MS = 20;
const DIGEST = createHash('sha256').update(MESSAGE).digest();
const IMPORT = { name: 'from elsewhere', engine_id: 'device' };

/** A device as an operator has it: what makes its engine, and what registers it. */
interface Backend {
  readonly driver: EngineDriver;
  readonly registration: {
    readonly type: string;
    readonly config: object;
    readonly secrets: Record<string, string>;
  };
  /** What must be found nowhere. */
  readonly secret: string;
  stop(): Promise<void>;
}

async function aws(): Promise<Backend> {
  const fake = await AwsKmsFake.start({ importIntervalMs: IMPORT_INTERVAL_MS });
  return {
    driver: awsKmsDriver({ allowedEndpoints: [fake.endpoint], importIntervalMs: IMPORT_INTERVAL_MS }),
    registration: {
      type: 'AWS_KMS',
      // The fake makes its keys in this very process, which may be busy.
      config: { region: fake.region, endpoint: fake.endpoint, timeout_ms: 60_000 },
      secrets: {
        access_key_id: FAKE_CREDENTIALS.accessKeyId,
        secret_access_key: FAKE_CREDENTIALS.secretAccessKey,
      },
    },
    secret: FAKE_CREDENTIALS.secretAccessKey,
    stop: () => fake.stop(),
  };
}

async function token(): Promise<Backend> {
  const softHsm = new SoftHsm().addToken('device');
  return {
    driver: softHsm.driver(),
    registration: {
      type: 'PKCS11',
      config: { module: SOFTHSM_MODULE, token_label: 'device' },
      secrets: { pin: softHsm.pin },
    },
    secret: softHsm.pin,
    stop: async () => softHsm.remove(),
  };
}

/** Every route of the key plane works on a device's keys as on the software engine's. */
describe.each<[string, () => Promise<Backend>]>([
  ['AWS KMS', aws],
  ['a PKCS#11 token', token],
])('keys in %s', (_, open) => {
  let backend: Backend;
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;

  const create = (more: object): Promise<Key> => client.create({ engine_id: 'device', ...more });
  const spkiOf = (key: Key) => createPublicKey(Buffer.from(key.public_key, 'base64'));

  beforeAll(async () => {
    backend = await open();
    openssl = await OpenSsl.open();
    app = await TestApp.start({ drivers: [backend.driver] });
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
    const second = await client.call<Key>('POST', `${KMS}/keys/import`, {
      name: 'wrapped',
      import_token: opened.body['import_token'],
      wrapped_key: wrapped.toString('base64'),
    });
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
    for (const [algorithm, size] of others) {
      const body = { name: 'x', engine_id: 'device', algorithm, size };
      const answer = await client.call('POST', `${KMS}/keys`, body);
      expect(refusal(answer)).toEqual([422, 'unsupported_by_engine']);
      expect(answer.body['detail']).toContain(algorithm);
    }
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
