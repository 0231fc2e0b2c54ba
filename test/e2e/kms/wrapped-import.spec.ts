import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { wrapPrivateKey } from '#crypto';
import { SecretBytes } from '#kernel';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KMS, KmsCaller, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';

interface ImportToken extends Record<string, unknown> {
  import_token: string;
  wrapping_key: string;
}

const MESSAGE = Buffer.from('signed by a wrapped key');
const OPEN = `${KMS}/engines/software/import-key`;

describe('a wrapped import', () => {
  let app: TestApp;
  let client: KmsCaller;
  let tenants = 0;

  const open = async (by = client): Promise<ImportToken> => (await by.call<ImportToken>('POST', OPEN)).body;
  const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const wrap = ({ wrapping_key: key }: ImportToken, privateKey: KeyObject | Buffer): Buffer => {
    const spki = createPublicKey(Buffer.from(key, 'base64')).export({ type: 'spki', format: 'der' });
    const pkcs8 = Buffer.isBuffer(privateKey)
      ? privateKey
      : privateKey.export({ type: 'pkcs8', format: 'der' });
    return wrapPrivateKey(spki, 'sha256', SecretBytes.take(Buffer.from(pkcs8)));
  };
  const bring = (
    { import_token }: ImportToken,
    wrapped: Buffer,
    more: object = {},
    by = client,
  ): Promise<Answer<Key>> =>
    by.call<Key>('POST', `${KEYS}/import`, {
      name: 'brought in',
      import_token,
      wrapped_key: wrapped.toString('base64'),
      ...more,
    });
  /** 400, naming the token. */
  const unusable = (answer: Answer<object>): boolean => {
    const { errors } = answer.body as { errors?: { path: string }[] };
    return answer.status === 400 && errors?.length === 1 && errors[0]?.path === 'import_token';
  };
  const flipped = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at]! ^= 1;
    return copy;
  };

  beforeAll(async () => {
    app = await TestApp.start();
  });

  // Tokens of a tenant are few.
  beforeEach(async () => {
    client = await KmsCaller.of(app, `tenant-${(tenants += 1)}`);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('201: the key signs, and its token is used up', async () => {
    const token = await open();
    expect(token).toMatchObject({ wrapping_algorithm: 'RSA_AES_KEY_WRAP_SHA_256', unwrapped_in: 'service' });
    const privateKey = newKey();
    const answer = await bring(token, wrap(token, privateKey));
    expect([answer.status, answer.body.origin]).toEqual([201, 'imported']);
    const message = MESSAGE.toString('base64');
    const signature = await client.sign(answer.body.key_id, { algorithm: 'ECDSA_SHA_256', message });
    expect(verify('sha256', MESSAGE, createPublicKey(privateKey), Buffer.from(signature, 'base64'))).toBe(
      true,
    );
    expect(unusable(await bring(token, wrap(token, newKey())))).toBe(true);
    expect((await client.list()).body.list).toHaveLength(1);
  });

  it('201 for what openssl wrapped, with nothing of Claviger at the caller’s', async () => {
    const openssl = await OpenSsl.open();
    const token = await open();
    const pem = await openssl.generate('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
    const aes = Buffer.alloc(32, 7);
    const wrapping = await openssl.file(Buffer.from(token.wrapping_key, 'base64'));
    const oaep = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', 'rsa_oaep_md:sha256'];
    const head = await openssl.print(['pkeyutl', '-encrypt', '-pubin', '-inkey', wrapping, ...oaep], aes);
    const der = await openssl.print(['pkcs8', '-topk8', '-nocrypt', '-outform', 'DER'], pem);
    const kwp = ['enc', '-id-aes256-wrap-pad', '-iv', 'A65959A6', '-K', aes.toString('hex')];
    const answer = await bring(token, Buffer.concat([head, await openssl.print(kwp, der)]));
    expect([answer.status, answer.body.algorithm, answer.body.size]).toEqual([201, 'RSA', 2048]);
    await openssl.close();
  });

  it('400, one and the same, for a wrapped key that was cut, changed, or is for another token', async () => {
    const [token, other] = [await open(), await open()];
    const wrapped = wrap(token, newKey());
    const broken = [
      wrapped.subarray(0, -8),
      flipped(wrapped, 10),
      flipped(wrapped, 600),
      wrap(other, newKey()),
    ];
    const details = new Set<unknown>();
    for (const bytes of broken) {
      const answer = await bring(token, bytes);
      expect(refusal(answer)).toEqual([400, 'invalid_key_material']);
      details.add((answer.body as unknown as Record<string, unknown>)['detail']);
    }
    expect(details.size).toBe(1);
    expect((await client.list()).body.list).toEqual([]);
    // Four of five: it is still good for one.
    expect((await bring(token, wrapped)).status).toBe(201);
  });

  it('ends with the fifth failure, also of many at once', async () => {
    const token = await open();
    const good = wrap(token, newKey());
    for (let failures = 0; failures < 5; failures += 1) {
      expect(refusal(await bring(token, flipped(good, 20)))).toEqual([400, 'invalid_key_material']);
    }
    expect(refusal(await bring(token, good))).toEqual([400, 'validation_failed']);
    const second = await open();
    const rest = wrap(second, newKey());
    const answers = await Promise.all(Array.from({ length: 20 }, () => bring(second, flipped(rest, 20))));
    expect(answers.every(({ status }) => status === 400)).toBe(true);
    expect(answers.filter((one) => refusal(one)[1] === 'invalid_key_material').length).toBeLessThanOrEqual(5);
  });

  it('makes one key of one token, however many try it at once through two processes', async () => {
    const another = await TestApp.start({ installation: app.installation });
    const elsewhere = new KmsCaller(another, client.token);
    const token = await open();
    const wrapped = Array.from({ length: 10 }, () => wrap(token, newKey()));
    const answers = await Promise.all(
      wrapped.map((bytes, index) => bring(token, bytes, {}, index % 2 ? client : elsewhere)),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await client.list()).body.list).toHaveLength(1);
    await another.stop();
  });

  it('400 for a key that is not fit, a token of another tenant, another engine, and what does not go together', async () => {
    const token = await open();
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    expect(refusal(await bring(token, wrap(token, weak)))).toEqual([400, 'invalid_key_material']);
    const good = wrap(token, newKey());
    const other = await KmsCaller.of(app, 'other');
    expect(refusal(await bring(token, good, {}, other))).toEqual([400, 'validation_failed']);
    for (const more of [
      { engine_id: 'elsewhere' },
      { passphrase: 'x' },
      { private_key: 'eA==' },
      { import_token: undefined },
      { import_token: 'imp-x' },
      { wrapped_key: undefined },
    ]) {
      expect(refusal(await bring(token, good, more))).toEqual([400, 'validation_failed']);
    }
    expect((await bring(token, good)).status).toBe(201);
  });

  it('429 for a sixth open token, 404 for an engine that is not there, 403 for a narrowed token', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.call('POST', OPEN)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 201, 201, 429]);
    expect(refusal(await client.call('POST', `${KMS}/engines/none/import-key`))).toEqual([404, 'not_found']);
    const narrowed = await KmsCaller.of(app, 'acme', undefined, { tags: ['x'] });
    expect(refusal(await narrowed.call('POST', OPEN))).toEqual([403, 'forbidden']);
  });

  it('400 once a day has passed', async () => {
    const token = await open();
    await app.database.transaction({ tenantId: `tenant-${tenants}` }, (tx) =>
      tx.query(`UPDATE import_token SET expires_ts = now() - interval '1 second'`),
    );
    expect(unusable(await bring(token, wrap(token, newKey())))).toBe(true);
    expect((await client.list()).body.list).toEqual([]);
  });
});
