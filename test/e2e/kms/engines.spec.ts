import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation, TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, refusal, type Key } from '../../harness/kms-caller.js';
import { eventually } from '../../harness/eventually.js';
import { DEVICE, Device, deviceDriver } from '../../fakes/device.js';

const ENGINES = `${KMS}/engines`;
const PIN = DEVICE.secrets.pin;
const P256 = { name: 'a key', algorithm: 'ECDSA', size: 256 };
const SIGN = {
  algorithm: 'ECDSA_SHA_256',
  message: Buffer.from('m').toString('base64'),
  message_type: 'raw',
};

interface EngineDetail extends Record<string, unknown> {
  id: string;
  default: boolean;
  version: number;
}

describe('engines', () => {
  const device = new Device();
  let installation: Installation;
  let app: TestApp;
  let another: TestApp;
  let operator: KmsCaller;
  let acme: KmsCaller;

  const start = (env: Record<string, string> = {}): Promise<TestApp> =>
    TestApp.start({ installation, drivers: [deviceDriver(device)], env });
  const register = (more: object = {}, by = operator): Promise<Answer> =>
    by.call('POST', ENGINES, { ...DEVICE, ...more });
  const remove = (id: string): Promise<Answer> => operator.call('DELETE', `${ENGINES}/${id}`);
  const idsOf = async (caller: KmsCaller): Promise<string[]> =>
    (await caller.call<EngineDetail[]>('GET', ENGINES)).body.map(({ id }) => id);

  beforeAll(async () => {
    installation = await Installation.create();
    app = await start();
    another = await start();
    operator = await KmsCaller.of(app, 'operators');
    acme = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:write kms:keys:sign kms:engines:read');
  });

  afterAll(async () => {
    await app.stop();
    await another.stop();
    await installation.remove();
  });

  describe('POST', () => {
    it('201 for one that was reached; keys are made in it and sign; every process knows it within a second', async () => {
      const answer = await register();
      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({
        id: 'hsm',
        declared: false,
        secrets: ['pin'],
        tenants: null,
        version: 1,
      });
      expect(answer.headers.get('etag')).toBe('"1"');
      expect(answer.text).not.toContain(PIN);
      const key = await acme.create({ engine_id: 'hsm' });
      expect(device.keys.has(`acme/${key.key_id}`)).toBe(true);
      const elsewhere = new KmsCaller(another, acme.token);
      await eventually('the other process knows it', async () => (await idsOf(elsewhere)).includes('hsm'));
      expect(await elsewhere.sign(key.key_id, SIGN)).not.toBe('');
      expect(refusal(await register())).toEqual([409, 'engine_exists']);
    });

    it('403 without kms:engines:admin, and for a token narrowed to some keys', async () => {
      expect(refusal(await register({ id: 'x' }, acme))).toEqual([403, 'forbidden']);
      const narrowed = await KmsCaller.of(app, 'acme', 'kms:engines:admin', { tags: ['x'] });
      expect(refusal(await register({ id: 'x' }, narrowed))).toEqual([403, 'forbidden']);
    });

    it.each([
      ['a wrong PIN', { secrets: { pin: '0000' } }, 'secrets.pin'],
      ['a secret that this type has not', { secrets: { pin: PIN, puk: 'x' } }, 'secrets.puk'],
      ['a member of the configuration that is unknown', { config: { slots: 1 } }, 'config.slots'],
      ['a variable that no secret is in', { secrets: { pin: 'env:DATABASE_URL' } }, 'secrets.pin'],
      ['a file outside of the folder for secrets', { secrets: { pin: 'file:/etc/passwd' } }, 'secrets.pin'],
      ['a tenant that does not exist', { tenants: ['acme', 'nobody'] }, 'tenants.1'],
      ['no tenant', { tenants: [] }, 'tenants'],
      ['a default that is not everybody’s', { tenants: ['acme'], default: true }, 'default'],
    ])('400 for %s, and nothing is registered', async (_, more, path) => {
      const before = device.logins;
      const answer = await register({ id: 'refused', ...more });
      expect(refusal(answer)).toEqual([400, 'validation_failed']);
      expect(answer.body['errors']).toEqual([expect.objectContaining({ path })]);
      expect(device.logins - before).toBeLessThanOrEqual(1);
      expect(await idsOf(operator)).not.toContain('refused');
    });

    it.each([
      ['an id', { id: '../x' }],
      ['a type', { type: 'TPM' }],
      ['a configuration that is none', { config: [] }],
      ['a configuration of 9,000 bytes', { config: { slot: 'x'.repeat(9_000) } }],
      ['secrets that are no texts', { secrets: { pin: 1234 } }],
      ['a member that is unknown', { pin: '1' }],
    ])('400 for %s that cannot be', async (_, more) => {
      expect(refusal(await register({ id: 'refused', ...more }))).toEqual([400, 'validation_failed']);
    });

    it('503 with Retry-After for one that cannot be reached, and nothing is registered', async () => {
      device.isAway = true;
      const answer = await register({ id: 'refused' });
      device.isAway = false;
      expect(refusal(answer)).toEqual([503, 'unavailable']);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(await idsOf(operator)).not.toContain('refused');
    });

    it('is for the tenants it is bound to, and does not exist for others', async () => {
      await acme.app.tenant('bound');
      expect((await register({ id: 'bound-hsm', tenants: ['bound'] })).status).toBe(201);
      const bound = await KmsCaller.of(app, 'bound');
      expect((await bound.create({ engine_id: 'bound-hsm' })).engine_id).toBe('bound-hsm');
      expect(await idsOf(acme)).not.toContain('bound-hsm');
      const foreign = await acme.call('POST', KEYS, { ...P256, engine_id: 'bound-hsm' });
      const unknown = await acme.call('POST', KEYS, { ...P256, engine_id: 'no-hsm' });
      expect([refusal(foreign), foreign.body['detail']]).toEqual([refusal(unknown), unknown.body['detail']]);
      expect(Object.keys((await acme.stats()).keys_distribution_per_engine)).not.toContain('bound-hsm');
      const opening = (id: string): Promise<Answer> => acme.call('POST', `${ENGINES}/${id}/import-key`);
      expect(refusal(await opening('bound-hsm'))).toEqual(refusal(await opening('no-hsm')));
    });

    it('seals what is given as a value: no row, answer or line of the log has it', async () => {
      const owner = new pg.Client(installation.database.ownerUrl);
      await owner.connect();
      const { rows } = await owner.query<{ text: string }>(
        `SELECT e::text AS text FROM engine e UNION ALL SELECT a::text FROM audit_event a`,
      );
      await owner.end();
      const texts = [...rows.map(({ text }) => text), ...app.logs, ...another.logs];
      expect(rows.length).toBeGreaterThan(1);
      for (const text of texts) {
        expect(text).not.toContain(PIN);
        expect(text).not.toContain(Buffer.from(PIN).toString('base64'));
      }
    });
  });

  describe('PATCH', () => {
    it('changes what is given, tries new credentials before, and asks for the version that was meant', async () => {
      const path = `${ENGINES}/hsm`;
      expect((await operator.call('PATCH', path, { name: 'Renamed' })).body).toMatchObject({
        name: 'Renamed',
        version: 2,
        config: { slot: 1 },
        secrets: ['pin'],
      });
      expect(refusal(await operator.call('PATCH', path, { secrets: { pin: '0' } }))).toEqual([
        400,
        'validation_failed',
      ]);
      const stale = await operator.call('PATCH', path, { name: 'x' }, { 'if-match': '"1"' });
      expect(refusal(stale)).toEqual([412, 'stale_version']);
      expect((await acme.create({ engine_id: 'hsm' })).engine_id).toBe('hsm');
      expect((await operator.call('GET', path)).body).toMatchObject({ name: 'Renamed', version: 2 });
    });

    it('makes it the default, of which there is one', async () => {
      await register({ id: 'second' });
      for (const id of ['hsm', 'second']) {
        expect((await operator.call('PATCH', `${ENGINES}/${id}`, { default: true })).status).toBe(200);
        const engines = (await acme.call<EngineDetail[]>('GET', ENGINES)).body;
        expect(engines.filter((one) => one.default).map((one) => one.id)).toEqual([id]);
        expect((await acme.create()).engine_id).toBe(id);
      }
      expect((await operator.call('PATCH', `${ENGINES}/second`, { default: false })).status).toBe(200);
      expect((await acme.create()).engine_id).toBe('software');
    });

    it('409 for leaving out a tenant that has keys in it', async () => {
      const answer = await operator.call('PATCH', `${ENGINES}/hsm`, { tenants: ['operators'] });
      expect(refusal(answer)).toEqual([409, 'engine_in_use']);
      expect((await operator.call('GET', `${ENGINES}/hsm`)).body['tenants']).toBeNull();
    });
  });

  describe('DELETE', () => {
    it('409 while it holds a key, and 200 once that is destroyed', async () => {
      await register({ id: 'third' });
      const { key_id: id } = await acme.create({ engine_id: 'third' });
      expect(refusal(await remove('third'))).toEqual([409, 'engine_in_use']);
      const deleter = await KmsCaller.of(app, 'acme');
      await deleter.destroy(id);
      expect((await remove('third')).body).toEqual({ status: 'removed' });
      expect(await idsOf(operator)).not.toContain('third');
      expect(refusal(await remove('third'))).toEqual([404, 'not_found']);
    });

    it('is of the version that was meant: of a change and a removal at once, one is refused', async () => {
      for (let round = 0; round < 8; round += 1) {
        await register({ id: 'meant' });
        const meant = { 'if-match': '"1"' };
        const [changed, removed] = await Promise.all([
          operator.call('PATCH', `${ENGINES}/meant`, { name: 'Changed' }, meant),
          operator.call('DELETE', `${ENGINES}/meant`, undefined, meant),
        ]);
        expect([200, 404, 412]).toContain(changed.status);
        expect([200, 412]).toContain(removed.status);
        expect([changed.status, removed.status].filter((status) => status === 200)).toHaveLength(1);
        if (removed.status !== 200) expect((await remove('meant')).status).toBe(200);
      }
    });

    it('never leaves a key without its engine, however creations and removals meet', async () => {
      for (let round = 0; round < 8; round += 1) {
        await register({ id: 'racing' });
        const [created, removed] = await Promise.all([
          acme.call<Key>('POST', KEYS, { ...P256, engine_id: 'racing' }),
          remove('racing'),
        ]);
        expect([201, 400, 503]).toContain(created.status);
        expect([200, 409]).toContain(removed.status);
        expect(created.status === 201 && removed.status === 200).toBe(false);
        if (created.status !== 201) continue;
        await (await KmsCaller.of(app, 'acme')).destroy(created.body.key_id);
        expect((await remove('racing')).status).toBe(200);
      }
    });
  });

  describe('one that the configuration declares', () => {
    it('is shown, and changed by nobody', async () => {
      expect((await operator.call('GET', `${ENGINES}/software`)).body).toMatchObject({ declared: true });
      expect(refusal(await operator.call('PATCH', `${ENGINES}/software`, { name: 'x' }))).toEqual([
        409,
        'engine_declared',
      ]);
      expect(refusal(await remove('software'))).toEqual([409, 'engine_declared']);
      expect(refusal(await register({ id: 'software' }))).toEqual([409, 'engine_exists']);
    });
  });

  it.each(['%00', 'x%00', '..%2fx', 'constructor', 'x'.repeat(1_000)])(
    'are unknown by %s, which is no id of an engine',
    async (id) => {
      for (const [method, below, body] of [
        ['GET', '', undefined],
        ['PATCH', '', { name: 'x' }],
        ['DELETE', '', undefined],
        ['POST', '/test', undefined],
        ['GET', '/objects', undefined],
        ['POST', '/import-key', undefined],
        ['POST', '/adopt', { object_id: 'x', tenant_id: 'acme', name: 'x' }],
      ] as const)
        expect(refusal(await operator.call(method, `${ENGINES}/${id}${below}`, body))).toEqual([
          404,
          'not_found',
        ]);
    },
  );

  describe('test', () => {
    it('200 saying whether it can be reached, and why not', async () => {
      const path = `${ENGINES}/hsm/test`;
      expect((await operator.call('POST', path)).body).toMatchObject({ status: 'ok' });
      device.isAway = true;
      const answer = await operator.call('POST', path);
      device.isAway = false;
      expect(answer.body).toMatchObject({ status: 'failed', error: 'The device is away.' });
      expect(refusal(await operator.call('POST', `${ENGINES}/none/test`))).toEqual([404, 'not_found']);
    });
  });

  it('are shown with their health, and one that is away leaves others alone', async () => {
    device.isAway = true;
    const stateOf = async (id: string): Promise<unknown> =>
      (await acme.call<EngineDetail[]>('GET', ENGINES)).body.find((one) => one.id === id)?.['state'];
    await eventually('its failure shows', async () => (await stateOf('hsm')) === 'failed');
    expect(await stateOf('software')).toBe('ready');
    const refused = await acme.call('POST', KEYS, { ...P256, engine_id: 'hsm' });
    expect([...refusal(refused), refused.headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    expect((await acme.create({ engine_id: 'software' })).engine_id).toBe('software');
    device.isAway = false;
  });
});
