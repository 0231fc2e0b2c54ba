import { generateKeyPairSync } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer, type CallOptions } from '../../harness/app.js';
import { dumpDatabase, superuserUrl } from '../platform/database-access.js';

const KEYS = '/api/kms/v1/keys';
const PASSPHRASE = 'marker-of-the-passphrase-7f3a';
const MESSAGE = 'marker of the message 91bc!';
const ALIAS = 'marker-of-an-alias-55d0';

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

/** Every form in which bytes might be seen; base64 also by what stands in its middle, however it is wrapped. */
const formsOf = (bytes: Buffer): string[] => [
  bytes.toString('hex'),
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('base64url'),
];

/** A session with every kind of secret and every kind of refusal, and then a look at all that was left behind. */
describe('secrets', () => {
  let app: TestApp;
  let admin: pg.Client;
  let token: string;
  const answers: string[] = [];
  const signatures: string[] = [];
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const encrypted = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: PASSPHRASE,
  }) as string;
  const scalar = Buffer.from((privateKey.export({ format: 'jwk' }) as { d: string }).d, 'base64url');

  async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const answer = await app.call(method, path, { token, ...options });
    answers.push(answer.text, JSON.stringify([...answer.headers]));
    return answer;
  }
  const importKey = (body: object): Promise<Answer> => call('POST', `${KEYS}/import`, { body });

  /** What no log line, no answer, no row and no number may hold. */
  const secrets = (): string[] => [
    PASSPHRASE,
    base64(PASSPHRASE).replace(/=+$/, ''),
    ...formsOf(scalar),
    ...formsOf(privateKey.export({ type: 'pkcs8', format: 'der' })),
    ...plain.split('\n').filter((line) => line.length > 20 && !line.startsWith('-')),
    ...encrypted.split('\n').filter((line) => line.length > 20 && !line.startsWith('-')),
    base64(plain).slice(40, 100),
    base64(encrypted).slice(40, 100),
    MESSAGE,
    base64(MESSAGE).replace(/=+$/, ''),
    Buffer.from(MESSAGE).toString('hex'),
    token,
    token.split('.')[2]!,
  ];

  async function importInEveryWay(): Promise<void> {
    const good = { name: 'imported', private_key: base64(encrypted), passphrase: PASSPHRASE };
    expect((await importKey({ ...good, passphrase: `${PASSPHRASE}!` })).status).toBe(400);
    expect((await importKey(good)).status).toBe(201);
    expect((await importKey(good)).status).toBe(409);
    const refused = [
      { ...good, passphrase: undefined },
      { ...good, passphrase: [PASSPHRASE] },
      { ...good, passphrase: { [PASSPHRASE]: 1 } },
      { ...good, passphrase: PASSPHRASE.repeat(100) },
      { ...good, private_key: plain },
      { ...good, private_key: { value: base64(plain) } },
      { ...good, private_key: base64(plain).slice(0, -30) },
      { ...good, public_key: base64(plain) },
      { name: 'p', public_key: base64(plain) },
      { ...good, unknown_member: base64(plain) },
      { ...good, metadata: PASSPHRASE },
      { ...good, name: '' },
    ];
    for (const body of refused) expect([400, 409]).toContain((await importKey(body)).status);
    const raw = `{"passphrase":"${PASSPHRASE}","private_key":"${base64(plain)}"`;
    expect((await call('POST', `${KEYS}/import`, { raw })).status).toBe(400);
    const polluting = `{"__proto__":{"passphrase":"${PASSPHRASE}"}}`;
    expect((await call('POST', `${KEYS}/import`, { raw: polluting })).status).toBe(400);
    const form = { raw: `passphrase=${PASSPHRASE}`, headers: { 'content-type': 'text/plain' } };
    expect((await call('POST', `${KEYS}/import`, form)).status).toBe(415);
  }

  async function signInEveryWay(): Promise<void> {
    const made = await call('POST', KEYS, { body: { algorithm: 'ECDSA', size: 256, name: 'k' } });
    const path = `${KEYS}/${made.body.key_id as string}`;
    const patches = [{ op: 'add', path: '/-', value: ALIAS }];
    expect((await call('PUT', `${path}/alias`, { body: { patches } })).status).toBe(200);
    const good = { algorithm: 'ECDSA_SHA_256', message: base64(MESSAGE) };
    const signed = await app.call<{ signature: string }>('POST', `${KEYS}/${ALIAS}/sign`, {
      token,
      body: good,
    });
    signatures.push(signed.body.signature);
    const batch = await app.call<{ signature: string }[]>('POST', `${KEYS}/batch/sign`, {
      token,
      body: [{ key: ALIAS, reference: 'r', ...good }],
    });
    signatures.push(batch.body[0]!.signature);
    const verified = await call('POST', `${path}/verify`, { body: { ...good, signature: signatures[0] } });
    expect(verified.body.valid).toBe(true);
    for (const body of [
      { ...good, algorithm: MESSAGE },
      { ...good, message: MESSAGE },
      { ...good, message_type: MESSAGE },
      { ...good, message_type: 'digest' },
      { ...good, [MESSAGE]: 1 },
      { ...good, salt_length: MESSAGE },
    ]) {
      expect((await app.call('POST', `${path}/sign`, { token, body })).status).toBe(400);
    }
    expect((await call('POST', `${KEYS}/nobody/sign`, { body: good })).status).toBe(404);
  }

  /** An error that nobody meant, thrown by the statement that has the sealed key among its parameters. */
  async function failInside(): Promise<void> {
    const list = await app.call<{ list: { key_id: string }[] }>('GET', KEYS, { token });
    const [imported] = list.body.list;
    expect((await call('DELETE', `${KEYS}/${imported!.key_id}`)).status).toBe(200);
    await admin.query('ALTER TABLE key_handle RENAME TO key_handle_away');
    const failed = await importKey({ name: 'x', private_key: base64(encrypted), passphrase: PASSPHRASE });
    await admin.query('ALTER TABLE key_handle_away RENAME TO key_handle');
    expect([failed.status, failed.body.code]).toEqual([500, 'internal']);
  }

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_LOG_LEVEL: 'trace' } });
    await app.tenant('acme');
    token = await app.token('acme');
    admin = new pg.Client(superuserUrl(app.installation.database.appUrl));
    await admin.connect();
    await importInEveryWay();
    await signInEveryWay();
    await failInside();
    await call('GET', `${KEYS}?filter=${encodeURIComponent(`name[nonsense]${PASSPHRASE}`)}`);
    await call('GET', KEYS, { token: `${token}x` });
    await call('GET', KEYS, { token: token.split('.').reverse().join('.') });
    await call('GET', `/no-such-route/${PASSPHRASE}?token=${token}`);
    await call('GET', `/docs/errors/${PASSPHRASE}`);
  });

  afterAll(async () => {
    await admin.end();
    await app.stop();
    await app.installation.remove();
  });

  it('are in no log line, not even at level trace', () => {
    const text = app.logs.join('');
    expect(text).toContain('/api/kms/v1/keys/import');
    expect(text).toContain('request failed');
    for (const secret of [...secrets(), ...signatures]) expect(found(text, secret)).toBe(false);
  });

  it('are in no log line by way of a URL: aliases and filter values are not logged either', () => {
    const text = app.logs.join('');
    for (const part of [ALIAS, 'nonsense', 'filter=']) expect(found(text, part)).toBe(false);
  });

  it('are in no answer, but that a refused filter or route is told by its own words', () => {
    const text = answers.join('\n');
    const own = new Set([PASSPHRASE, MESSAGE]);
    for (const secret of secrets().filter((one) => !own.has(one))) expect(found(text, secret)).toBe(false);
    for (const answer of answers.filter((one) => one.includes(PASSPHRASE))) {
      expect(JSON.parse(answer)).toMatchObject({ code: 'invalid_filter' });
    }
  });

  it('are in no row of any table: of messages and signatures the audit has their HMAC', async () => {
    const text = await dumpDatabase(admin);
    expect(text).toContain('kms.key.sign');
    expect(text).toMatch(/message_mac\W+[0-9a-f]{64}/);
    const raw = signatures.flatMap((signature) => formsOf(Buffer.from(signature, 'base64')));
    for (const secret of [...secrets(), ...raw]) expect(found(text, secret)).toBe(false);
  });

  it('are in no metric, nor are tenants, keys or callers', async () => {
    const { text } = await app.call('GET', '/metrics');
    expect(text).toContain('claviger_http_request_duration_seconds');
    for (const secret of [...secrets(), ...signatures, 'acme', 'tester', 'key-', ALIAS]) {
      expect(found(text, secret)).toBe(false);
    }
  });

  it('are found by this test where they are', async () => {
    await admin.query(`CREATE TABLE careless (a bytea, b text)`);
    await admin.query('INSERT INTO careless VALUES ($1, $2)', [scalar, base64(plain)]);
    const text = await dumpDatabase(admin);
    expect(secrets().filter((secret) => found(text, secret)).length).toBeGreaterThanOrEqual(2);
  });
});

const found = (text: string, part: string): boolean => text.includes(part);
