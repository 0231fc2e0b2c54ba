import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { eventually } from '../../harness/eventually.js';
import { KEYS, KMS, KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { DEVICE, Device, deviceDriver } from '../../fakes/device.js';

interface Job extends Record<string, unknown> {
  job_id: string;
  kind: string;
  state: string;
  progress: { done: number; total: number };
  result?: { key_id?: string; keys?: number; tag?: string; status?: string };
  error?: { code: string; detail: string };
}

const P256 = { name: 'a key', algorithm: 'ECDSA', size: 256 };
const SIGN = { algorithm: 'ECDSA_SHA_256', message: Buffer.from('m').toString('base64') };
const ASYNC = { prefer: 'respond-async' };

describe('jobs of keys', () => {
  const device = new Device();
  let app: TestApp;
  let client: KmsCaller;

  const post = (
    path: string,
    body?: unknown,
    headers: Record<string, string> = ASYNC,
  ): Promise<Answer<Job>> => client.call<Job>('POST', path, body, headers);
  const finished = (jobId: string): Promise<Job> =>
    eventually(`job ${jobId}`, async () => {
      const { body } = await client.call<Job>('GET', `${KMS}/jobs/${jobId}`);
      return ['succeeded', 'failed', 'cancelled'].includes(body.state) ? body : undefined;
    });
  const jobs = async (): Promise<number> =>
    (await client.call<{ list: Job[] }>('GET', `${KMS}/jobs?limit=200`)).body.list.length;
  const listed = async (filter: string): Promise<Key[]> => {
    const keys: Key[] = [];
    let bookmark = '';
    do {
      const { body } = await client.list(bookmark ? { bookmark } : { filter, limit: '200' });
      keys.push(...body.list);
      bookmark = body.next_bookmark;
    } while (bookmark);
    return keys;
  };

  beforeAll(async () => {
    app = await TestApp.start({ drivers: [deviceDriver(device)], jobKinds: [] });
    client = await KmsCaller.of(app, 'acme');
    const registered = await client.call('POST', `${KMS}/engines`, DEVICE);
    if (registered.status !== 201) throw new Error(registered.text);
  });

  afterAll(async () => {
    await app.services.jobWorker.close(1_000);
    await app.stop();
    await app.installation.remove();
  });

  it('202 with where to look, for one who would rather not wait; the key is there when the job has succeeded', async () => {
    const answer = await post(KEYS, { ...P256, engine_id: 'hsm', tags: ['later'] });
    expect([answer.status, answer.body.kind]).toEqual([202, 'kms.key.create']);
    expect(answer.headers.get('location')).toBe(`${KMS}/jobs/${answer.body.job_id}`);
    expect(answer.headers.get('preference-applied')).toBe('respond-async');
    const job = await finished(answer.body.job_id);
    expect(job.state).toBe('succeeded');
    const key = await client.read(job.result!.key_id!);
    expect([key.tags, key.engine_id]).toEqual([['later'], 'hsm']);
    expect(await client.sign(key.key_id, SIGN)).not.toBe('');
  });

  it('400 and 422 before there is a job', async () => {
    const before = await jobs();
    for (const body of [{ ...P256, size: 7 }, { ...P256, engine_id: 'none' }, { algorithm: 'ECDSA' }]) {
      expect(refusal(await post(KEYS, body))).toEqual([400, 'validation_failed']);
    }
    const unsupported = { name: 'x', engine_id: 'hsm', algorithm: 'RSA', size: 2048 };
    expect(refusal(await post(KEYS, unsupported))).toEqual([422, 'unsupported_by_engine']);
    expect(await jobs()).toBe(before);
  });

  it('one job for one Idempotency-Key, however often it is sent', async () => {
    const headers = { ...ASYNC, 'idempotency-key': 'bulk-of-three' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post(`${KEYS}/bulk`, { ...P256, count: 3 }, headers)),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.job_id}`)).size).toBe(1);
    const job = await finished(answers[0]!.body.job_id);
    expect(await listed(`tags[ct]${job.result!.tag}`)).toHaveLength(3);
  });

  it('bulk makes exactly so many keys, each with a number and the tag of the job', async () => {
    const { status, body } = await post(
      `${KEYS}/bulk`,
      { ...P256, name: 'sensor', engine_id: 'hsm', count: 50 },
      {},
    );
    expect([status, body.progress]).toEqual([202, { done: 0, total: 50 }]);
    const job = await finished(body.job_id);
    expect(job).toMatchObject({ state: 'succeeded', progress: { done: 50, total: 50 } });
    const keys = await listed(`tags[ct]${job.result!.tag}`);
    expect(keys.map(({ name }) => name).sort()).toEqual(
      Array.from({ length: 50 }, (_, index) => `sensor-${index + 1}`).sort(),
    );
    for (const { key_id: id } of keys) expect(device.keys.has(`acme/${id}`)).toBe(true);
    expect([...new Set(keys.map(({ key_id: id }) => id))]).toHaveLength(50);
  });

  it('goes on where it was cut off, and makes no key twice', async () => {
    let made = 0;
    device.onMade = async () => {
      made += 1;
      // Twice its answers are lost, with the key made.
      device.losesAnswers = made === 7 || made === 20;
    };
    const { body } = await post(`${KEYS}/bulk`, { ...P256, engine_id: 'hsm', count: 40 }, {});
    const job = await finished(body.job_id);
    device.onMade = async () => undefined;
    device.losesAnswers = false;
    expect(job.state).toBe('succeeded');
    const keys = await listed(`tags[ct]${job.result!.tag}`);
    expect(keys).toHaveLength(40);
    const known = await listed('engine_id[eq]hsm');
    expect(known.map(({ key_id: id }) => `acme/${id}`).sort()).toEqual([...device.keys.keys()].sort());
  });

  it.each([0, 10_001, 1.5, '3', null])('400 for a bulk of %j, and neither job nor key', async (count) => {
    const before = [await jobs(), (await client.stats()).total_keys];
    const answer = await post(`${KEYS}/bulk`, { ...P256, count });
    expect(refusal(answer)).toEqual([400, 'validation_failed']);
    const paths = (answer.body['errors'] as { path: string }[]).map(({ path }) => path);
    expect(new Set(paths)).toEqual(new Set(['count']));
    expect([await jobs(), (await client.stats()).total_keys]).toEqual(before);
  });

  it('cancels a bulk, which leaves what was made, and 409 once it has ended', async () => {
    const { body } = await post(`${KEYS}/bulk`, { ...P256, count: 10_000 }, {});
    await eventually('some are made', async () => {
      const { body: job } = await client.call<Job>('GET', `${KMS}/jobs/${body.job_id}`);
      return job.progress.done > 0;
    });
    expect((await post(`${KMS}/jobs/${body.job_id}/cancel`, undefined, {})).status).toBe(200);
    expect((await finished(body.job_id)).state).toBe('cancelled');
    expect(refusal(await post(`${KMS}/jobs/${body.job_id}/cancel`, undefined, {}))).toEqual([
      409,
      'job_state',
    ]);
  });

  it('rotates and destroys', async () => {
    const key = await client.create({ engine_id: 'hsm' });
    const rotation = await finished((await post(keyPath(key.key_id, '/rotate'))).body.job_id);
    const successor = await client.read(rotation.result!.key_id!);
    expect(successor.rotated_from).toBe(key.key_id);
    expect(refusal(await post(keyPath(key.key_id, '/rotate')))).toEqual([409, 'key_state']);
    const answer = await client.call<Job>('DELETE', keyPath(key.key_id), undefined, ASYNC);
    expect([answer.status, answer.body.kind]).toEqual([202, 'kms.key.destroy']);
    expect((await finished(answer.body.job_id)).result).toEqual({ status: 'deleted' });
    expect(refusal(await client.get(key.key_id))).toEqual([404, 'not_found']);
    expect(device.keys.has(`acme/${key.key_id}`)).toBe(false);
  });

  it('403 for a narrowed token, 404 for what is another tenant’s', async () => {
    const narrowed = await KmsCaller.of(app, 'acme', undefined, { tags: ['x'] });
    expect(refusal(await narrowed.call('POST', KEYS, P256, ASYNC))).toEqual([403, 'forbidden']);
    expect(refusal(await narrowed.call('POST', `${KEYS}/bulk`, { ...P256, count: 1 }))).toEqual([
      403,
      'forbidden',
    ]);
    const { key_id: id } = await client.create();
    const other = await KmsCaller.of(app, 'other');
    expect(refusal(await other.call('POST', keyPath(id, '/rotate'), undefined, ASYNC))).toEqual([
      404,
      'not_found',
    ]);
    expect(refusal(await other.call('DELETE', keyPath(id), undefined, ASYNC))).toEqual([404, 'not_found']);
  });
});
