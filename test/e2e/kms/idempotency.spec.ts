import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { dumpDatabase, superuserUrl, withClient } from '../platform/database-access.js';

const HOUR_MS = 60 * 60_000;
const BODY = { algorithm: 'ECDSA', size: 256, name: 'once', tags: ['a'], metadata: { b: 1, a: [2] } };
const PASSPHRASE = 'marker-of-the-passphrase-b7d1';

/** What a caller gets to see of an answer, but for when and that it was given. */
const seen = ({ status, text, headers }: Answer<unknown>): unknown => [
  status,
  text,
  headers.get('etag'),
  headers.get('content-type'),
];
const replayed = ({ headers }: Answer<unknown>): string | null => headers.get('idempotency-replayed');

describe('Idempotency-Key', () => {
  let app: TestApp;
  let client: KmsCaller;
  let nowMs = Date.now();
  let key: string;

  const post = <T = Key>(path: string, body?: unknown, as = client, more = {}): Promise<Answer<T>> =>
    as.call<T>('POST', path, body, { 'idempotency-key': key, ...more });
  const countOf = async (as = client): Promise<number> => (await as.stats()).total_keys;
  /** Gives how many rows were touched. */
  const asAdmin = (text: string): Promise<number> =>
    withClient(
      superuserUrl(app.installation.database.appUrl),
      async (admin) => (await admin.query(text)).rowCount ?? 0,
    );
  /** As a process that died after the commit and before it could keep its answer; its lease is over. */
  const loseAnswers = (): Promise<number> =>
    asAdmin(`UPDATE idempotency_key SET answer = NULL, lease_ts = '2000-01-01'`);

  beforeAll(async () => {
    app = await TestApp.start({ clock: { now: () => nowMs } });
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  beforeEach(async () => {
    key = crypto.randomUUID();
    await asAdmin('DELETE FROM idempotency_key');
  });

  describe('does once', () => {
    it('a creation: the answer is the first one, which is recorded once', async () => {
      const before = await countOf();
      const first = await post(KEYS, BODY);
      expect([first.status, replayed(first), first.headers.get('etag')]).toEqual([201, null, '"1"']);
      await client.call('PUT', keyPath(first.body.key_id, '/name'), { name: 'renamed since' });
      const again = await post(KEYS, BODY);
      expect([seen(again), replayed(again)]).toEqual([seen(first), 'true']);
      expect(await countOf()).toBe(before + 1);
      const filter = encodeURIComponent(`key_id[eq]${first.body.key_id};action[eq]kms.key.create`);
      const audit = await client.call<{ list: unknown[] }>('GET', `/api/platform/v1/audit?filter=${filter}`);
      expect(audit.body.list).toHaveLength(1);
    });

    it('an import, of which nothing secret is stored', async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: PASSPHRASE,
      });
      const body = {
        name: 'imported',
        private_key: Buffer.from(pem).toString('base64'),
        passphrase: PASSPHRASE,
      };
      const first = await post(`${KEYS}/import`, body);
      const again = await post(`${KEYS}/import`, body);
      expect(first.status).toBe(201);
      expect([seen(again), replayed(again)]).toEqual([seen(first), 'true']);
      const rows = await withClient(superuserUrl(app.installation.database.appUrl), dumpDatabase);
      for (const secret of [PASSPHRASE, body.private_key.slice(40, 100), key]) {
        expect(rows.includes(secret)).toBe(false);
      }
    });

    it('a rotation', async () => {
      const old = await client.create();
      await client.alias(old.key_id, `alias-${key}`);
      const rotate = keyPath(old.key_id, '/rotate');
      const first = await post(rotate);
      const again = await post(rotate);
      expect([first.status, first.body.rotated_from]).toEqual([200, old.key_id]);
      expect([seen(again), replayed(again)]).toEqual([seen(first), 'true']);
      expect((await client.read(`alias-${key}`)).key_id).toBe(first.body.key_id);
    });

    it('twenty creations at once, with one key and twenty equal answers', async () => {
      const before = await countOf();
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(KEYS, BODY)));
      expect(new Set(answers.map((answer) => JSON.stringify(seen(answer)))).size).toBe(1);
      expect([answers[0]!.status, await countOf()]).toEqual([201, before + 1]);
      expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
    });

    it('a body with its members in another order, and a key in quotes or without', async () => {
      const first = await post(KEYS, BODY);
      const { metadata, ...rest } = BODY;
      const other = { metadata: { a: metadata.a, b: metadata.b }, ...rest };
      const again = await post(KEYS, other, client, { 'idempotency-key': `"${key}"` });
      expect([seen(again), replayed(again)]).toEqual([seen(first), 'true']);
    });
  });

  it('422 for another body, route, key, If-Match or Prefer, and nothing is done', async () => {
    const old = await client.create();
    const rotate = keyPath(old.key_id, '/rotate');
    await post(KEYS, BODY);
    const before = await countOf();
    for (const answer of [
      await post(KEYS, { ...BODY, name: 'twice' }),
      await post(KEYS, { ...BODY, size: 384 }),
      await post(`${KEYS}/import`, { name: 'once', public_key: 'AAAA' }),
      await post(rotate),
      await post(KEYS, BODY, client, { prefer: 'respond-async' }),
    ]) {
      expect(refusal(answer as never)).toEqual([422, 'idempotency_key_reused']);
    }
    key = crypto.randomUUID();
    await post(rotate, undefined, client, { 'if-match': '"1"' });
    const answer = await post(rotate, undefined, client, { 'if-match': '"2"' });
    expect(refusal(answer as never)).toEqual([422, 'idempotency_key_reused']);
    expect(await countOf()).toBe(before + 1);
  });

  it('is a key of one tenant and one principal: others make keys of their own', async () => {
    const subject = { tenant: 'acme', scope: 'kms:keys:write kms:keys:read', ttlS: 60, subject: 'other' };
    const callers = [
      client,
      await KmsCaller.of(app, 'globex'),
      new KmsCaller(app, await app.installation.issuer.mint(subject)),
    ];
    const firsts: Answer<Key>[] = [];
    for (const caller of callers) {
      firsts.push(await post(KEYS, { ...BODY, name: 'each' }, caller));
      expect(seen(await post(KEYS, { ...BODY, name: 'each' }, caller))).toEqual(seen(firsts.at(-1)!));
    }
    expect(new Set(firsts.map(({ body }) => body.key_id)).size).toBe(3);
    expect(firsts.map(({ status }) => status)).toEqual([201, 201, 201]);
    const other = await post(KEYS, { ...BODY, name: 'known only to acme' }, callers[1]);
    expect(refusal(other as never)).toEqual([422, 'idempotency_key_reused']);
  });

  it('is no way round the token, its permission, its narrowing or the state of the tenant', async () => {
    const made = await post(KEYS, BODY);
    const { key_id } = made.body;
    const narrowed = await KmsCaller.of(app, 'acme', undefined, { keys: [key_id] });
    const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read');
    expect(refusal((await post(KEYS, BODY, narrowed)) as never)).toEqual([403, 'forbidden']);
    expect(refusal((await post(KEYS, BODY, reader)) as never)).toEqual([403, 'forbidden']);
    const nobody = await post(KEYS, BODY, new KmsCaller(app, 'no.such.token'));
    expect(refusal(nobody as never)).toEqual([401, 'invalid_token']);

    const guest = await KmsCaller.of(app, 'guest');
    expect((await post(KEYS, BODY, guest)).status).toBe(201);
    await client.call('POST', '/api/platform/v1/tenants/guest/suspend');
    expect(refusal((await post(KEYS, BODY, guest)) as never)).toEqual([403, 'tenant_unavailable']);
    await client.call('POST', '/api/platform/v1/tenants/guest/resume');
    expect(replayed(await post(KEYS, BODY, guest))).toBe('true');
  });

  it('is not used up by a refusal: the corrected request may bear it', async () => {
    for (const [path, body, code] of [
      [KEYS, { ...BODY, size: 255 }, 'validation_failed'],
      [KEYS, { ...BODY, colour: 'red' }, 'validation_failed'],
      [`${KEYS}/import`, { name: 'n', private_key: 'AAAA' }, 'invalid_key_material'],
      [keyPath(UNKNOWN_KEY, '/rotate'), undefined, 'not_found'],
    ] as const) {
      const answer = await post<Record<string, unknown>>(path, body);
      expect([answer.body.code, replayed(answer)]).toEqual([code, null]);
    }
    expect(replayed(await post(KEYS, BODY))).toBeNull();
    expect(replayed(await post(KEYS, BODY))).toBe('true');
  });

  it('is good for 24 hours, and then for another request', async () => {
    const first = await post(KEYS, BODY);
    nowMs += 24 * HOUR_MS - 1;
    expect(seen(await post(KEYS, BODY))).toEqual(seen(first));
    nowMs += 1;
    const next = await post(KEYS, { ...BODY, name: 'the next day' });
    expect([next.status, replayed(next), next.body.name]).toEqual([201, null, 'the next day']);
  });

  describe('where a key was made but its answer lost', () => {
    it.each([
      ['a creation', KEYS, () => BODY],
      [
        'an import',
        `${KEYS}/import`,
        () => {
          const { publicKey } = generateKeyPairSync('ed25519');
          const der = publicKey.export({ type: 'spki', format: 'der' });
          return { name: 'verify only', public_key: der.toString('base64') };
        },
      ],
    ])('answers %s with that key', async (_, path, describeIt) => {
      const body = describeIt();
      const first = await post(path, body);
      const before = await countOf();
      await loseAnswers();
      const again = await post(path, body);
      expect([seen(again), replayed(again)]).toEqual([seen(first), 'true']);
      expect(seen(await post(path, body))).toEqual(seen(first));
      expect(await countOf()).toBe(before);
    });

    it('answers a rotation with that successor, as it is by now', async () => {
      const old = await client.create();
      const first = await post(keyPath(old.key_id, '/rotate'));
      await client.call('PUT', keyPath(first.body.key_id, '/name'), { name: 'renamed since' });
      await loseAnswers();
      const again = await post(keyPath(old.key_id, '/rotate'));
      expect([again.status, again.headers.get('etag'), again.body.key_id, again.body.name]).toEqual([
        200,
        '"2"',
        first.body.key_id,
        'renamed since',
      ]);
    });

    it('409 where it has been destroyed since, and no other is made in its place', async () => {
      const first = await post(KEYS, BODY);
      await client.destroy(first.body.key_id);
      const before = await countOf();
      await loseAnswers();
      for (let n = 0; n < 2; n += 1) {
        expect(refusal((await post(KEYS, BODY)) as never)).toEqual([409, 'key_state']);
      }
      expect(await countOf()).toBe(before);
    });
  });

  it('makes one key where an attempt was taken for dead and was not', async () => {
    const before = await countOf();
    const body = { algorithm: 'RSA', size: 3072, name: 'slow' };
    const slow = post(KEYS, body);
    await expect.poll(loseAnswers, { timeout: 20_000 }).toBeGreaterThan(0);
    const heir = post(KEYS, body);
    const [one, other] = [await slow, await heir];
    expect([one.status, seen(other)]).toEqual([201, seen(one)]);
    expect(await countOf()).toBe(before + 1);
  });

  it('makes the key under the id that a dead attempt was to make it under', async () => {
    await post(KEYS, BODY);
    const planned = 'key-01900000-0000-7000-8000-0000000000ff';
    await loseAnswers();
    expect(await asAdmin(`UPDATE idempotency_key SET object_id = '${planned}'`)).toBe(1);
    const again = await post(KEYS, BODY);
    expect([again.status, again.body.key_id, replayed(again)]).toEqual([201, planned, null]);
  });

  // Another route in this list wants a test that it does its work once: here, or in key-jobs.spec.ts.
  it('is described for the routes that go by it', async () => {
    interface Operation {
      operationId: string;
      parameters?: { name: string }[];
    }
    const { body } = await app.call<{ paths: Record<string, Record<string, Operation>> }>(
      'GET',
      '/openapi.json',
    );
    const described = Object.values(body.paths)
      .flatMap((methods) => Object.values(methods))
      .filter(({ parameters = [] }) => parameters.some(({ name }) => name === 'Idempotency-Key'))
      .map(({ operationId }) => operationId);
    expect(described.sort()).toEqual([
      'createKey',
      'createKeys',
      'importKey',
      'reconcileEngine',
      'rotateKey',
    ]);
  });

  describe('refuses', () => {
    it.each([
      ['an empty key', ''],
      ['256 characters', 'k'.repeat(256)],
      ['two keys', 'a, b'],
      ['a parameter', '"a";b=1'],
      ['a quote without end', '"a'],
      ['what is not ASCII', 'cl\u00e9'],
    ])('400 for %s', async (_, text) => {
      const before = await countOf();
      const answer = await post(KEYS, BODY, client, { 'idempotency-key': text });
      expect(refusal(answer as never)).toEqual([400, 'malformed_request']);
      expect(await countOf()).toBe(before);
    });

    it('403 before 400: a malformed key tells nothing to whom may not ask', async () => {
      const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read');
      const answer = await post(KEYS, BODY, reader, { 'idempotency-key': '"' });
      expect(refusal(answer as never)).toEqual([403, 'forbidden']);
    });

    it('400 where a route does not go by it, before anything is done; a read does no harm', async () => {
      const made = await client.create();
      const header = { 'idempotency-key': key };
      for (const [method, below, body] of [
        ['POST', '/sign', { algorithm: 'ES256', message: 'aGVsbG8=' }],
        ['POST', '/disable', undefined],
        ['PUT', '/name', { name: 'changed' }],
        ['DELETE', '', undefined],
      ] as const) {
        const answer = await client.call(method, keyPath(made.key_id, below), body, header);
        expect(refusal(answer)).toEqual([400, 'malformed_request']);
      }
      const read = await client.call<Key>('GET', keyPath(made.key_id), undefined, header);
      expect([read.status, read.body]).toEqual([200, made]);
    });
  });
});
