import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapPrivateKey } from '#crypto';
import { SecretBytes } from '#kernel';
import { DEVICE, Device, deviceDriver } from '../../fakes/device.js';
import { TestApp, type Answer } from '../../harness/app.js';
import { eventually } from '../../harness/eventually.js';
import { KEYS, KMS, KmsCaller, keyPath, refusal } from '../../harness/kms-caller.js';
import { dumpDatabase, superuserUrl, withClient } from '../platform/database-access.js';

interface Job extends Record<string, unknown> {
  job_id: string;
  kind: string;
  state: string;
  result?: { key_id: string };
  error?: { code: string };
}

const PASSPHRASE = 'a passphrase that is stored nowhere';
const SIGN = { algorithm: 'ECDSA_SHA_256', message: Buffer.from('m').toString('base64') };

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const derOf = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' });
const scalarOf = (key: KeyObject): Buffer =>
  Buffer.from((key.export({ format: 'jwk' }) as { d: string }).d, 'base64url');

describe('imports by a job', () => {
  const device = new Device();
  /** Stores jobs, and runs none. */
  let app: TestApp;
  let client: KmsCaller;

  const bring = (body: object, headers: Record<string, string> = {}): Promise<Answer<Job>> =>
    client.call<Job>(
      'POST',
      `${KEYS}/import`,
      { name: 'k', ...body },
      { prefer: 'respond-async', ...headers },
    );
  const privateKey = (key: KeyObject, more: object = {}): object => ({
    private_key: derOf(key).toString('base64'),
    ...more,
  });
  const openToken = async (engine = 'software'): Promise<Record<string, string>> =>
    (await client.call<Record<string, string>>('POST', `${KMS}/engines/${engine}/import-key`)).body;
  const wrappedKey = (token: Record<string, string>, key: KeyObject): object => {
    const wrapping = createPublicKey(Buffer.from(token['wrapping_key']!, 'base64'));
    const spki = wrapping.export({ type: 'spki', format: 'der' });
    const wrapped = wrapPrivateKey(spki, 'sha256', SecretBytes.take(derOf(key)));
    return { import_token: token['import_token'], wrapped_key: wrapped.toString('base64') };
  };
  const jobCount = async (): Promise<number> =>
    (await client.call<{ list: Job[] }>('GET', `${KMS}/jobs?limit=200`)).body.list.length;
  const query = <T>(text: string): Promise<T[]> =>
    withClient(
      superuserUrl(app.installation.database.appUrl),
      async (admin) => (await admin.query(text)).rows as T[],
    );
  const finished = (jobId: string): Promise<Job> =>
    eventually(`job ${jobId}`, async () => {
      const { body } = await client.call<Job>('GET', `${KMS}/jobs/${jobId}`);
      return ['succeeded', 'failed', 'cancelled'].includes(body.state) ? body : undefined;
    });
  /** Runs jobs for as long as `work` takes. */
  async function withWorker<T>(work: () => Promise<T>): Promise<T> {
    const { installation } = app;
    const worker = await TestApp.start({ installation, drivers: [deviceDriver(device)], jobKinds: [] });
    try {
      return await work();
    } finally {
      await worker.stop();
    }
  }

  beforeAll(async () => {
    app = await TestApp.start({ drivers: [deviceDriver(device)] });
    client = await KmsCaller.of(app, 'acme');
    const registered = await client.call('POST', `${KMS}/engines`, DEVICE);
    if (registered.status !== 201) throw new Error(registered.text);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('202; each of the three forms is there when its job has succeeded, and nothing secret ever is in a row', async () => {
    const [plain, locked, wrapped] = [newKey(), newKey(), newKey()];
    const encrypted = locked.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    });
    const publicKey = createPublicKey(newKey()).export({ type: 'spki', format: 'der' });
    const token = await openToken('hsm');
    const answers = [
      await bring(privateKey(plain, { engine_id: 'hsm', tags: ['later'] })),
      await bring({ private_key: Buffer.from(encrypted).toString('base64'), passphrase: PASSPHRASE }),
      await bring({ public_key: publicKey.toString('base64') }),
      await bring(wrappedKey(token, wrapped)),
    ];
    for (const { status, body, headers } of answers) {
      expect([status, body.kind, body.state]).toEqual([202, 'kms.key.import', 'queued']);
      expect(headers.get('location')).toBe(`${KMS}/jobs/${body.job_id}`);
    }
    const admin = superuserUrl(app.installation.database.appUrl);
    const rows = await withClient(admin, dumpDatabase);
    for (const secret of [PASSPHRASE, ...[plain, locked, wrapped].flatMap(formsOf)])
      expect(rows).not.toContain(secret);
    await withWorker(async () => {
      for (const { body } of answers) expect((await finished(body.job_id)).state).toBe('succeeded');
    });
    const keys = await Promise.all(
      answers.map(async ({ body }) => client.read((await finished(body.job_id)).result!.key_id)),
    );
    expect(keys.map(({ engine_id, has_private_key }) => [engine_id, has_private_key])).toEqual([
      ['hsm', true],
      ['software', true],
      ['software', false],
      ['hsm', true],
    ]);
    expect(keys[0]!.tags).toEqual(['later']);
    for (const { key_id: id } of [keys[0]!, keys[1]!, keys[3]!])
      expect(await client.sign(id, SIGN)).not.toBe('');
  });

  it('are refused at once, as without a job, and there is none', async () => {
    const key = newKey();
    const known = await client.importKey({ private_key: derOf(key) }, { name: 'known' });
    expect(known.status).toBe(201);
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const encrypted = newKey().export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    });
    const token = await openToken();
    const before = await jobCount();
    for (const [body, expected] of [
      [{ private_key: 'not base64!' }, [400, 'validation_failed']],
      [{}, [400, 'validation_failed']],
      [privateKey(newKey(), { engine_id: 'none' }), [400, 'validation_failed']],
      [{ private_key: Buffer.from('no key').toString('base64') }, [400, 'invalid_key_material']],
      [{ public_key: Buffer.from('no key').toString('base64') }, [400, 'invalid_key_material']],
      [privateKey(weak), [400, 'invalid_key_material']],
      [
        { private_key: Buffer.from(encrypted).toString('base64'), passphrase: 'wrong' },
        [400, 'invalid_key_material'],
      ],
      [
        privateKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, { engine_id: 'hsm' }),
        [422, 'unsupported_by_engine'],
      ],
      [privateKey(key), [409, 'key_exists']],
      [{ public_key: known.body.public_key }, [409, 'key_exists']],
      [{ ...wrappedKey(token, newKey()), engine_id: 'hsm' }, [400, 'validation_failed']],
      [
        { ...wrappedKey(token, newKey()), import_token: `imp-${crypto.randomUUID()}` },
        [400, 'validation_failed'],
      ],
      [
        { import_token: token['import_token'], wrapped_key: Buffer.alloc(100).toString('base64') },
        [400, 'invalid_key_material'],
      ],
    ] as const)
      expect(refusal(await bring(body))).toEqual(expected);
    const narrowed = await KmsCaller.of(app, 'acme', undefined, { tags: ['x'] });
    const body = { name: 'k', ...privateKey(newKey()) };
    const refused = await narrowed.call('POST', `${KEYS}/import`, body, { prefer: 'respond-async' });
    expect(refusal(refused)).toEqual([403, 'forbidden']);
    expect(await jobCount()).toBe(before);
  });

  it('leave no input behind, however they end', async () => {
    const key = newKey();
    const [first, second, cancelled] = [
      (await bring(privateKey(key))).body,
      (await bring(privateKey(key, { name: 'the same' }))).body,
      (await bring(privateKey(newKey()))).body,
    ];
    await client.call('POST', `${KMS}/jobs/${cancelled.job_id}/cancel`);
    const ends = await withWorker(() =>
      Promise.all([first, second, cancelled].map(({ job_id: id }) => finished(id))),
    );
    expect(ends.map(({ state }) => state).sort()).toEqual(['cancelled', 'failed', 'succeeded']);
    expect(ends.find(({ state }) => state === 'failed')!.error!.code).toBe('key_exists');
    expect(await query(`SELECT 1 FROM job WHERE finished_ts IS NOT NULL AND input <> 'null'`)).toEqual([]);
  });

  it('start one job for one Idempotency-Key, which makes one key though the device’s answers are lost', async () => {
    const body = privateKey(newKey(), { engine_id: 'hsm' });
    const answers: Answer<Job>[] = [];
    for (let n = 0; n < 3; n += 1) answers.push(await bring(body, { 'idempotency-key': 'import-once' }));
    expect(new Set(answers.map(({ status, body: job }) => `${status} ${job.job_id}`)).size).toBe(1);
    let made = 0;
    device.onMade = async () => void (device.losesAnswers = (made += 1) < 3);
    const job = await withWorker(() => finished(answers[0]!.body.job_id));
    device.onMade = async () => undefined;
    expect([job.state, made]).toEqual(['succeeded', 3]);
    const ours = await client.list({ filter: 'engine_id[eq]hsm', limit: '200' });
    expect([...device.keys.keys()].sort()).toEqual(ours.body.list.map((one) => `acme/${one.key_id}`).sort());
  });

  it('make one key of one token, and wait for an attempt that was killed with it', async () => {
    const token = await openToken();
    const jobs = [
      (await bring(wrappedKey(token, newKey()))).body,
      (await bring(wrappedKey(token, newKey()))).body,
    ];
    // As a process leaves it that was killed a while ago.
    await query(`UPDATE import_token SET claimed_ts = now() + interval '2 seconds'
                  WHERE token_id = '${token['import_token']!}'`);
    const ends = await withWorker(() => Promise.all(jobs.map(({ job_id: id }) => finished(id))));
    expect(ends.map(({ state }) => state).sort()).toEqual(['failed', 'succeeded']);
    expect(ends.find(({ state }) => state === 'failed')!.error!.code).toBe('validation_failed');
    const { result } = ends.find(({ state }) => state === 'succeeded')!;
    expect((await client.call('GET', keyPath(result!.key_id))).status).toBe(200);
  });
});

/** Every form in which the private number might be seen. */
const formsOf = (key: KeyObject): string[] =>
  [scalarOf(key), derOf(key)].flatMap((bytes) => [
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ]);
