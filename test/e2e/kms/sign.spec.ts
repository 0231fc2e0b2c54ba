import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';
import { SIGNATURE_CASES, newMessage, opensslAccepts } from '../../harness/signature-cases.js';

const base64 = (bytes: Buffer): string => bytes.toString('base64');
const sha = (bits: number, data: Buffer): Buffer => createHash(`sha${bits}`).update(data).digest();
const HELLO = Buffer.from('hello');
/** Half the order of secp256k1 (BIP 146). */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

describe('POST /keys/{id}/sign', () => {
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;
  const keys = new Map<string, Promise<Key>>();

  /** One key of a kind serves all its algorithms. */
  const keyOf = (kind: { algorithm: string; size?: number }): Promise<Key> => {
    const id = `${kind.algorithm} ${kind.size ?? ''}`;
    const made = keys.get(id) ?? client.create({ ...kind, name: id });
    keys.set(id, made);
    return made;
  };
  const pemOf = (key: Key): Buffer => Buffer.from(key.public_key, 'base64');
  const post = (ref: string, body: unknown): Promise<Answer> =>
    client.call('POST', keyPath(ref, '/sign'), body);

  beforeAll(async () => {
    openssl = await OpenSsl.open();
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await openssl.close();
    await app.stop();
    await app.installation.remove();
  });

  describe('200, and openssl accepts', () => {
    it.each(SIGNATURE_CASES.map((one) => [one.title, one] as const))('%s', async (_, one) => {
      const key = await keyOf(one.kind);
      const { message, digest } = newMessage(one);
      const { algorithm } = one;
      const raw = await client.sign(key.key_id, { algorithm, message: base64(message), message_type: 'RAW' });
      const accepts = (signature: string): Promise<boolean> =>
        opensslAccepts(openssl, one, pemOf(key), Buffer.from(signature, 'base64'), { message, digest });
      expect(await accepts(raw)).toBe(true);
      if (!digest) return;
      const request = { algorithm, message: base64(digest), message_type: 'DIGEST' };
      // Were the digest hashed again, openssl would be given the signature of another one.
      expect(await accepts(await client.sign(key.key_id, request))).toBe(true);
    });

    it('as `openssl dgst` checks it, from a file', async () => {
      const key = await keyOf({ algorithm: 'RSA', size: 2048 });
      const [pub, msg] = await Promise.all([pemOf(key), HELLO].map((content) => openssl.file(content)));
      for (const [algorithm, how] of [
        ['RSASSA_PKCS1_V1_5_SHA_512', ['-sha512']],
        [
          'RSASSA_PSS_SHA_384',
          ['-sha384', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:48'],
        ],
      ] as const) {
        const signature = await client.sign(key.key_id, { algorithm, message: base64(HELLO) });
        const sig = await openssl.file(Buffer.from(signature, 'base64'));
        const printed = await openssl.print(['dgst', ...how, '-verify', pub!, '-signature', sig, msg!]);
        expect(printed.toString()).toBe('Verified OK\n');
      }
    });

    it.each([0, 1, 20, 32, 222])('RSASSA-PSS with a salt of %i bytes, raw and digest', async (salt) => {
      const one = SIGNATURE_CASES.find(({ algorithm }) => algorithm === 'RSASSA_PSS_SHA_256')!;
      const key = await keyOf(one.kind);
      const { message, digest } = newMessage(one);
      for (const request of [
        { message: base64(message), message_type: 'raw' },
        { message: base64(digest!), message_type: 'digest' },
      ]) {
        const body = { algorithm: one.algorithm, ...request, salt_length: salt };
        const signature = Buffer.from(await client.sign(key.key_id, body), 'base64');
        const of = { message, digest };
        expect(await opensslAccepts(openssl, one, pemOf(key), signature, of, String(salt))).toBe(true);
        expect(await opensslAccepts(openssl, one, pemOf(key), signature, of, String(salt + 1))).toBe(false);
      }
    });
  });

  describe('200 in every spelling', () => {
    it.each([
      ['RSA', 2048, ['RSASSA_PKCS1_V1_5_SHA_256', 'SHA256WithRSA', 'RS256']],
      ['RSA', 2048, ['RSASSA_PKCS1_V1_5_SHA_384', 'SHA384WithRSA', 'RS384']],
      ['RSA', 2048, ['RSASSA_PKCS1_V1_5_SHA_512', 'SHA512WithRSA', 'RS512']],
      ['Ed25519', 256, ['ED25519', 'PureEd25519', 'EdDSA', 'Ed25519']],
    ])('%s %i: one deterministic signature under the names %j', async (algorithm, size, names) => {
      const key = await keyOf({ algorithm, size });
      const signatures = await Promise.all(
        names.map((name) => client.sign(key.key_id, { algorithm: name, message: base64(HELLO) })),
      );
      expect(new Set(signatures).size).toBe(1);
    });

    it.each([
      [
        'RSA',
        2048,
        ['RSASSA_PSS_SHA_256', 'SHA256WithRSAPSS', 'PS256', 'PS384', 'PS512', 'SHA512WithRSAPSS'],
      ],
      ['ECDSA', 256, ['ECDSA_SHA_256', 'ECDSAWithSHA256', 'ES256', 'ECDSAWithSHA384', 'ES512']],
      ['ECDSA_SECP256K1', 256, ['ECDSA_SECP256K1_SHA_256', 'ES256K']],
    ])('%s %i: %j', async (algorithm, size, names) => {
      const key = await keyOf({ algorithm, size });
      for (const name of names) {
        const request = { algorithm: name, message: base64(HELLO) };
        const signature = await client.sign(key.key_id, request);
        expect([name, await client.verify(key.key_id, { ...request, signature })]).toEqual([
          name,
          { valid: true },
        ]);
      }
    });

    it('message_type in any case; raw unless given', async () => {
      const { key_id: id } = await keyOf({ algorithm: 'RSA', size: 2048 });
      const raw = { algorithm: 'RS256', message: base64(HELLO) };
      const expected = await client.sign(id, raw);
      for (const message_type of ['raw', 'RAW', 'Raw']) {
        expect(await client.sign(id, { ...raw, message_type })).toBe(expected);
      }
      for (const message_type of ['hash', 'digest', 'HASH', 'DIGEST', 'Digest']) {
        const request = { algorithm: 'RS256', message: base64(sha(256, HELLO)), message_type };
        expect(await client.sign(id, request)).toBe(expected);
      }
    });

    it('the message in base64 or base64url, padded or not', async () => {
      const { key_id: id } = await keyOf({ algorithm: 'Ed25519' });
      const message = Buffer.from([0xfb, 0xff, 0xbf, 0x01]);
      const texts = ['+/+/AQ==', '-_-_AQ', '-_-_AQ==', '+/+/AQ'];
      const signed = await Promise.all(
        texts.map((text) => client.sign(id, { algorithm: 'EdDSA', message: text })),
      );
      expect(new Set(signed).size).toBe(1);
      const verified = await client.verify(id, {
        algorithm: 'EdDSA',
        message: base64(message),
        signature: signed[0],
      });
      expect(verified.valid).toBe(true);
    });

    it.each([
      [224, 28],
      [256, 32],
      [384, 48],
      [521, 66],
    ])('ECDSA on %i bits as DER, as r‖s and as of JWS, which are one another', async (size, bytes) => {
      const { key_id: id } = await keyOf({ algorithm: 'ECDSA', size });
      const request = { algorithm: 'ES256', message: base64(HELLO) };
      for (const signature_format of ['der', 'raw', 'jws'] as const) {
        const signature = await client.sign(id, { ...request, signature_format });
        const decoded = Buffer.from(signature, signature_format === 'jws' ? 'base64url' : 'base64');
        if (signature_format === 'der') expect(decoded[0]).toBe(0x30);
        else expect(decoded).toHaveLength(2 * bytes);
        expect(/[+/=]/.test(signature) && signature_format === 'jws').toBe(false);
        expect((await client.verify(id, { ...request, signature_format, signature })).valid).toBe(true);
      }
    });
  });

  it('secp256k1: the lower S, always', async () => {
    const { key_id: id } = await keyOf({ algorithm: 'ECDSA_SECP256K1' });
    const requests = Array.from({ length: 24 }, (_, n) => {
      const message = Buffer.from(`message ${n}`);
      return n % 2 === 0
        ? { message: base64(message), message_type: 'raw' }
        : { message: base64(sha(256, message)), message_type: 'digest' };
    });
    for (const request of requests) {
      const body = { algorithm: 'ES256K', signature_format: 'raw', ...request };
      const signature = Buffer.from(await client.sign(id, body), 'base64');
      expect(BigInt(`0x${signature.subarray(32).toString('hex')}`) <= HALF_ORDER).toBe(true);
    }
  });

  describe('400 with the reason', () => {
    const P256 = { algorithm: 'ECDSA', size: 256 };
    const good = { algorithm: 'ES256', message: base64(HELLO) };

    it.each<[string, object, string, RegExp]>([
      ['no algorithm', { algorithm: undefined }, 'validation_failed', /algorithm/],
      ['no message', { message: undefined }, 'validation_failed', /message/],
      ['an empty message', { message: '' }, 'validation_failed', /empty/],
      ['a message that is not base64', { message: 'a!b' }, 'validation_failed', /base64/],
      ['half a base64', { message: 'aGVsb' }, 'validation_failed', /base64/],
      ['mixed alphabets', { message: '+-+-' }, 'validation_failed', /base64/],
      ['a message that is no text', { message: 5 }, 'validation_failed', /message/],
      ['an unknown message type', { message_type: 'prehashed' }, 'validation_failed', /message_type/],
      ['a message type of JavaScript', { message_type: 'constructor' }, 'validation_failed', /message_type/],
      ['an unknown member', { key: 'x' }, 'validation_failed', /key is unknown/],
      ['an unknown format', { signature_format: 'p1363' }, 'validation_failed', /signature_format/],
      ['a salt for ECDSA', { salt_length: 32 }, 'validation_failed', /salt_length/],
      ['an unknown algorithm', { algorithm: 'MD5WithRSA' }, 'invalid_algorithm', /unknown/],
      ['a weak algorithm', { algorithm: 'ECDSAWithSHA1' }, 'invalid_algorithm', /unknown/],
      ['an algorithm of JavaScript', { algorithm: 'toString' }, 'invalid_algorithm', /unknown/],
      ['no algorithm at all', { algorithm: 'none' }, 'invalid_algorithm', /unknown/],
      ['an HMAC', { algorithm: 'HS256' }, 'invalid_algorithm', /unknown/],
      ['an algorithm of RSA', { algorithm: 'RS256' }, 'invalid_algorithm', /does not fit/],
      ['an algorithm of Ed25519', { algorithm: 'EdDSA' }, 'invalid_algorithm', /does not fit/],
      ['an algorithm of secp256k1', { algorithm: 'ES256K' }, 'invalid_algorithm', /does not fit/],
      [
        'a digest that is too short',
        { message_type: 'digest', message: base64(Buffer.alloc(31)) },
        'invalid_algorithm',
        /32 bytes, not 31/,
      ],
      [
        'a digest that is too long',
        { message_type: 'digest', message: base64(Buffer.alloc(33)) },
        'invalid_algorithm',
        /32 bytes, not 33/,
      ],
      [
        'the digest of another hash',
        { algorithm: 'ES384', message_type: 'hash', message: base64(sha(256, HELLO)) },
        'invalid_algorithm',
        /48 bytes, not 32/,
      ],
    ])('%s', async (_, change, code, reason) => {
      const { key_id: id } = await keyOf(P256);
      const answer = await post(id, { ...good, ...change });
      expect(refusal(answer)).toEqual([400, code]);
      expect(answer.body.detail).toMatch(reason);
      expect(answer.body).not.toHaveProperty('signature');
    });

    it('a digest for Ed25519, which hashes by itself', async () => {
      const { key_id: id } = await keyOf({ algorithm: 'Ed25519' });
      const body = { algorithm: 'EdDSA', message: base64(sha(512, HELLO)), message_type: 'digest' };
      const answer = await post(id, body);
      expect([...refusal(answer), answer.body.detail]).toEqual([
        400,
        'invalid_algorithm',
        expect.stringMatching(/messages, not digests/),
      ]);
    });

    it.each([223, 511, 512, -1, 1.5, 513, '32', 'max', null])(
      'a salt length of %s for RSA 2048',
      async (salt_length) => {
        const { key_id: id } = await keyOf({ algorithm: 'RSA', size: 2048 });
        expect((await post(id, { algorithm: 'PS256', message: base64(HELLO), salt_length })).status).toBe(
          400,
        );
      },
    );

    it.each([[[]], ['text'], [null], [7]])('the body %j', async (body) => {
      const { key_id: id } = await keyOf(P256);
      expect((await post(id, body)).status).toBe(400);
    });
  });

  it('is refused: 401, 403, 404, 409, 415, each in its turn', async () => {
    const { key_id: id } = await client.create();
    const body = { algorithm: 'ES256', message: base64(HELLO) };
    const path = keyPath(id, '/sign');
    const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:verify');
    expect(refusal(await app.call('POST', path, { body: {} }))).toEqual([401, 'unauthenticated']);
    expect(refusal(await reader.call('POST', path, {}))).toEqual([403, 'forbidden']);
    expect(refusal(await post(UNKNOWN_KEY, {}))).toEqual([400, 'validation_failed']);
    expect(refusal(await post(UNKNOWN_KEY, body))).toEqual([404, 'not_found']);
    const typed = { token: client.token, body, headers: { 'content-type': 'text/plain' } };
    expect(refusal(await app.call('POST', path, typed))).toEqual([415, 'unsupported_media_type']);
    await client.act(id, 'disable');
    expect(refusal(await post(id, body))).toEqual([409, 'key_state']);
    expect(refusal(await post(id, { ...body, algorithm: 'RS256' }))).toEqual([400, 'invalid_algorithm']);
  });
});
