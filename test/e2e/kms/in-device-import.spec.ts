import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { wrapPrivateKey } from '#crypto';
import { KeyReconciler } from '#keys';
import { SecretBytes } from '#kernel';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';
import { SOFTHSM_MODULE, SoftHsm } from '../../harness/softhsm.js';

interface ImportToken extends Record<string, unknown> {
  import_token: string;
  wrapping_key: string;
}

const OPEN = `${KMS}/engines/hsm/import-key`;
const MESSAGE = Buffer.from('signed by a key that was opened in a device');
const P256 = { algorithm: 'ECDSA', size: 256 };
const RSA = { algorithm: 'RSA', size: 2048 };
/** Both halves of a wrapping key, or of a key. */
const PAIR = 2;

describe('an import that is unwrapped in its engine', () => {
  const hsm = new SoftHsm().addToken('hsm');
  let app: TestApp;
  let operator: KmsCaller;
  let client: KmsCaller;
  let reconciler: KeyReconciler;
  let tenant: string;
  let tenants = 0;

  const open = (kind?: object): Promise<Answer<ImportToken>> => client.call<ImportToken>('POST', OPEN, kind);
  const wrap = (
    { wrapping_key: key }: ImportToken,
    privateKey: KeyObject,
    hash: 'sha1' | 'sha256' = 'sha1',
  ) =>
    wrapPrivateKey(
      createPublicKey(Buffer.from(key, 'base64')).export({ type: 'spki', format: 'der' }),
      hash,
      SecretBytes.take(privateKey.export({ type: 'pkcs8', format: 'der' })),
    );
  const bring = (token: ImportToken, wrapped: Buffer, publicKey?: KeyObject, by = client) =>
    by.call<Key & { detail?: string }>('POST', `${KEYS}/import`, {
      name: 'brought in',
      import_token: token.import_token,
      wrapped_key: wrapped.toString('base64'),
      ...(publicKey && {
        public_key: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })).toString('base64'),
      }),
    });
  const newEc = (): { privateKey: KeyObject; publicKey: KeyObject } =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** As if so much time had passed for what is in that table. */
  const age = (table: string, column: string, by: string): Promise<unknown> =>
    app.database.transaction({ tenantId: tenant }, (tx) =>
      tx.query(`UPDATE ${table} SET ${column} = ${column} - interval '${by}'`),
    );

  beforeAll(async () => {
    app = await TestApp.start({ drivers: [hsm.driver()] });
    operator = await KmsCaller.of(app, 'operators');
    const config = { module: SOFTHSM_MODULE, token_label: 'hsm' };
    const body = { id: 'hsm', type: 'PKCS11', name: 'A token', config, secrets: { pin: hsm.pin } };
    const registered = await operator.call('POST', `${KMS}/engines`, body);
    if (registered.status !== 201) throw new Error(registered.text);
    const providers = app.services.providers as { provide: unknown; useValue: unknown }[];
    reconciler = providers.find(({ provide }) => provide === KeyReconciler)!.useValue as KeyReconciler;
    // Rounds of its own would come between.
    await reconciler.close();
  });

  // Tokens of a tenant are few, and what is found on the device is this test's own.
  beforeEach(async () => {
    await reconciler.run();
    expect(hsm.objects()).toBe(0);
    client = await KmsCaller.of(app, (tenant = `tenant-${(tenants += 1)}`));
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
    hsm.remove();
  });

  it('201 for what openssl wrapped; the wrapping key goes with its token', async () => {
    const openssl = await OpenSsl.open();
    const opened = await open(RSA);
    expect([opened.status, opened.body]).toEqual([
      201,
      expect.objectContaining({ unwrapped_in: 'engine', wrapping_algorithm: 'RSA_AES_KEY_WRAP_SHA_1' }),
    ]);
    const pem = await openssl.generate('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
    const aes = Buffer.alloc(32, 7);
    const wrapping = await openssl.file(Buffer.from(opened.body.wrapping_key, 'base64'));
    const oaep = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', 'rsa_oaep_md:sha1'];
    const head = await openssl.print(['pkeyutl', '-encrypt', '-pubin', '-inkey', wrapping, ...oaep], aes);
    const der = await openssl.print(['pkcs8', '-topk8', '-nocrypt', '-outform', 'DER'], pem);
    const kwp = ['enc', '-id-aes256-wrap-pad', '-iv', 'A65959A6', '-K', aes.toString('hex')];
    const answer = await bring(opened.body, Buffer.concat([head, await openssl.print(kwp, der)]));
    expect([answer.status, answer.body]).toMatchObject([
      201,
      { ...RSA, engine_id: 'hsm', origin: 'imported' },
    ]);
    expect(Buffer.from(answer.body.public_key, 'base64')).toEqual(await openssl.publicKey(pem));

    const sign = { algorithm: 'RSASSA_PSS_SHA_256', message: MESSAGE.toString('base64') };
    const signature = Buffer.from(await client.sign(answer.body.key_id, sign), 'base64');
    const files = [await openssl.file(await openssl.publicKey(pem)), await openssl.file(signature)] as const;
    const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'];
    const dgst = ['dgst', '-sha256', ...pss, '-verify', files[0], '-signature', files[1]];
    expect((await openssl.print(dgst, MESSAGE)).toString()).toContain('Verified OK');

    expect(hsm.objects()).toBe(2 * PAIR);
    expect(await reconciler.run()).toEqual({ destroyed: 0, discarded: 1 });
    expect(hsm.objects()).toBe(PAIR);
    await client.destroy(answer.body.key_id);
    await openssl.close();
  });

  it('makes one key of one token, however many try it at once through two processes', async () => {
    const another = await TestApp.start({ installation: app.installation, drivers: [hsm.driver()] });
    const elsewhere = new KmsCaller(another, client.token);
    const { privateKey, publicKey } = newEc();
    const { body: token } = await open(P256);
    const wrapped = Array.from({ length: 6 }, () => wrap(token, privateKey));
    const answers = await Promise.all(
      wrapped.map((bytes, index) => bring(token, bytes, publicKey, index % 2 ? client : elsewhere)),
    );
    const [made, ...more] = answers.filter(({ status }) => status === 201);
    expect(more).toEqual([]);
    const sign = { algorithm: 'ECDSA_SHA_256', message: MESSAGE.toString('base64') };
    for (const by of [client, elsewhere]) {
      const signature = Buffer.from(await by.sign(made!.body.key_id, sign), 'base64');
      expect(verify('sha256', MESSAGE, publicKey, signature)).toBe(true);
    }
    expect(hsm.objects()).toBe(2 * PAIR);
    await another.stop();
    await client.destroy(made!.body.key_id);
  });

  it('ends with the fifth failure, of whatever kind, and leaves nothing in the device', async () => {
    const { body: token } = await open(P256);
    const { privateKey, publicKey } = newEc();
    const good = wrap(token, privateKey);
    const missing = await bring(token, good);
    expect([refusal(missing), missing.body.detail]).toEqual([
      [400, 'validation_failed'],
      expect.stringContaining('public_key'),
    ]);
    const broken = Buffer.from(good);
    broken[600]! ^= 1;
    const details = new Set<unknown>();
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const [bytes, half] of [
      [broken, publicKey],
      [good, newEc().publicKey],
      [wrap(token, rsa.privateKey), publicKey],
    ] as const) {
      const answer = await bring(token, bytes, half);
      expect(refusal(answer)).toEqual([400, 'invalid_key_material']);
      details.add(answer.body.detail);
      expect(hsm.objects()).toBe(PAIR);
    }
    expect(details.size).toBe(1);
    expect(refusal(await bring(token, wrap(token, rsa.privateKey), rsa.publicKey))).toEqual([
      400,
      'invalid_key_material',
    ]);
    expect(refusal(await bring(token, good, publicKey))).toEqual([400, 'validation_failed']);
    await reconciler.run();
    expect(hsm.objects()).toBe(0);
  });

  it('refuses a key that it has, and one that its public half shows to be weak', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const first = await client.importKey(
      { private_key: privateKey.export({ type: 'pkcs8', format: 'der' }) },
      { engine_id: 'hsm' },
    );
    const { body: token } = await open(RSA);
    const weak = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey;
    const refused = await bring(token, wrap(token, weak));
    expect([refusal(refused), refused.body.detail]).toEqual([
      [400, 'invalid_key_material'],
      expect.stringContaining('exponent'),
    ]);
    const again = await bring(token, wrap(token, privateKey));
    expect([
      ...refusal(again),
      (again.body as unknown as Record<string, unknown>)['existing_key_id'],
    ]).toEqual([409, 'key_exists', first.body.key_id]);
    expect(hsm.objects()).toBe(2 * PAIR);
    await client.destroy(first.body.key_id);
    await age('key_intent', 'due_ts', '2 days');
  });

  it('keeps its engine until a day has passed; then the wrapping key goes, once the device is there', async () => {
    const { body: token } = await open(P256);
    const { privateKey, publicKey } = newEc();
    expect(refusal(await operator.call('DELETE', `${KMS}/engines/hsm`))).toEqual([409, 'engine_in_use']);
    await age('import_token', 'expires_ts', '1 day');
    await age('key_intent', 'due_ts', '1 day');
    expect(refusal(await bring(token, wrap(token, privateKey), publicKey))).toEqual([
      400,
      'validation_failed',
    ]);
    // Who began in time still finds it for a while.
    expect(await reconciler.run()).toEqual({ destroyed: 0, discarded: 0 });
    await age('key_intent', 'due_ts', '1 hour');
    hsm.unplug();
    expect(await reconciler.run()).toEqual({ destroyed: 0, discarded: 0 });
    hsm.plugIn();
    expect(hsm.objects()).toBe(PAIR);
    const next = async (): Promise<number> => {
      await age('key_intent', 'due_ts', '1 hour');
      return (await reconciler.run()).discarded;
    };
    // The device is left alone for a moment after it was lost.
    await expect.poll(next, { timeout: 20_000 }).toBe(1);
    expect(hsm.objects()).toBe(0);
  });

  it('is one that is unwrapped in the service where no kind is named, or the device does not open it', async () => {
    for (const kind of [undefined, {}, { algorithm: 'Ed25519' }]) {
      const { status, body } = await open(kind);
      expect([status, body['unwrapped_in'], body['wrapping_algorithm']]).toEqual([
        201,
        'service',
        'RSA_AES_KEY_WRAP_SHA_256',
      ]);
    }
    expect(hsm.objects()).toBe(0);
    const answers = [{ size: 256 }, { algorithm: 'RSA', size: 1000 }, { algorithm: 'DSA' }, { kind: 'RSA' }];
    for (const kind of answers) expect(refusal(await open(kind))).toEqual([400, 'validation_failed']);
    expect(refusal(await open({ algorithm: 'ML_DSA', size: 65 }))).toEqual([422, 'unsupported_by_engine']);
  });

  it('where unwrapped in the service, is of the kind and the public half that were named, or 400', async () => {
    const { body: token } = await client.call<ImportToken>(
      'POST',
      `${KMS}/engines/software/import-key`,
      P256,
    );
    const [one, other] = [newEc(), newEc()];
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const [key, half] of [
      [rsa.privateKey, undefined],
      [rsa.privateKey, rsa.publicKey],
      [one.privateKey, other.publicKey],
    ] as const) {
      expect(refusal(await bring(token, wrap(token, key, 'sha256'), half))).toEqual([
        400,
        'invalid_key_material',
      ]);
    }
    const { status, body } = await bring(token, wrap(token, one.privateKey, 'sha256'), one.publicKey);
    expect([status, body.engine_id]).toEqual([201, 'software']);
    expect((await client.call('GET', keyPath(body.key_id))).status).toBe(200);
  });
});
