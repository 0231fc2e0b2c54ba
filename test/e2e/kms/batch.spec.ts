import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KmsCaller, UNKNOWN_KEY, refusal, type Key } from '../../harness/kms-caller.js';

type Item = { reference?: string; signature?: string; err?: string; code?: string };

describe('POST /keys/batch/sign', () => {
  let app: TestApp;
  let client: KmsCaller;
  let ecdsa: Key;
  let ed25519: Key;
  let disabled: Key;

  const post = (items: unknown): Promise<Answer<Item[]>> =>
    client.call<Item[]>('POST', `${KEYS}/batch/sign`, items);
  const message = (n: number): string => Buffer.from(`message ${n}`).toString('base64');

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
    ecdsa = await client.create();
    ed25519 = await client.create({ algorithm: 'Ed25519' });
    ecdsa = await client.alias(ecdsa.key_id, 'batch-signer');
    disabled = await client.create();
    await client.act(disabled.key_id, 'disable');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it('200: 100 signatures in the order of the items, by any name of a key, each reference echoed', async () => {
    const names = [ecdsa.key_id, 'batch-signer', ecdsa.pkcs11_uri];
    const items = Array.from({ length: 100 }, (_, n) => ({
      key: names[n % 3],
      algorithm: 'ES256',
      message: message(n),
      ...(n % 2 === 0 && { reference: `ref ${n} ä😀` }),
    }));
    const { status, body } = await post(items);
    expect([status, body.length]).toEqual([200, 100]);
    for (const [n, { signature, reference }] of body.entries()) {
      expect(reference).toBe(items[n]!.reference);
      const request = { algorithm: 'ES256', message: message(n), signature };
      expect(await client.verify(ecdsa.key_id, request)).toEqual({ valid: true });
    }
  });

  it('200: an item that fails says why and leaves the others alone', async () => {
    const good = { key: ecdsa.key_id, algorithm: 'ES256', message: message(0) };
    const items = [
      good,
      { ...good, key: UNKNOWN_KEY, reference: 'b' },
      { ...good, key: disabled.key_id },
      { ...good, algorithm: 'RS256' },
      { ...good, algorithm: 'unknown' },
      { ...good, message: '' },
      { ...good, message: '!' },
      { ...good, message_type: 'digest' },
      { ...good, key: ed25519.key_id, algorithm: 'EdDSA' },
    ];
    const { status, body } = await post(items);
    expect(status).toBe(200);
    expect(body.map(({ code, signature }) => code ?? typeof signature)).toEqual([
      'string',
      'not_found',
      'key_state',
      'invalid_algorithm',
      'invalid_algorithm',
      'validation_failed',
      'validation_failed',
      'invalid_algorithm',
      'string',
    ]);
    expect(body[1]).toEqual({ reference: 'b', code: 'not_found', err: 'There is no such key.' });
    for (const { err, code } of body) expect(typeof err).toBe(code ? 'string' : 'undefined');
  });

  it.each<[string, unknown]>([
    ['no list', {}],
    ['an empty list', []],
    ['an item that is none', [1]],
    ['an item without a key', [{ algorithm: 'ES256', message: 'AAAA' }]],
    ['an unknown member in an item', [{ key: 'x', algorithm: 'ES256', message: 'AAAA', id: 1 }]],
    [
      'a reference that is too long',
      [{ key: 'x', algorithm: 'ES256', message: 'AAAA', reference: 'r'.repeat(257) }],
    ],
    ['101 items', Array(101).fill({ key: 'x', algorithm: 'ES256', message: 'AAAA' })],
  ])('400 for %s', async (_, items) => {
    expect(refusal((await post(items)) as never)).toEqual([400, 'validation_failed']);
  });

  it('401 without a token, 403 without the permission', async () => {
    const path = `${KEYS}/batch/sign`;
    const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read');
    expect(refusal(await app.call('POST', path, { body: [] }))).toEqual([401, 'unauthenticated']);
    expect(refusal(await reader.call('POST', path, []))).toEqual([403, 'forbidden']);
  });
});
