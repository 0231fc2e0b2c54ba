import { createHash, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeKeySpecs } from '#crypto';
import { TestApp } from '../../harness/app.js';
import { KEYS, KmsCaller, refusal, type Key } from '../../harness/kms-caller.js';

const HAS_ML_DSA = runtimeKeySpecs().some((spec) => spec.algorithm === 'ML_DSA');

describe('POST /keys', () => {
  let app: TestApp;
  let client: KmsCaller;
  const post = (body: unknown) => client.call<Key>('POST', KEYS, body);

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_SOFTWARE_ENGINES: 'first,second' } });
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  describe('201', () => {
    it.each([
      ['RSA', 2048, 'rsa', { modulusLength: 2048, publicExponent: 65537n }],
      ['RSA', 3072, 'rsa', { modulusLength: 3072, publicExponent: 65537n }],
      ['RSA', 4096, 'rsa', { modulusLength: 4096, publicExponent: 65537n }],
      ['ECDSA', 224, 'ec', { namedCurve: 'secp224r1' }],
      ['ECDSA', 256, 'ec', { namedCurve: 'prime256v1' }],
      ['ECDSA', 384, 'ec', { namedCurve: 'secp384r1' }],
      ['ECDSA', 521, 'ec', { namedCurve: 'secp521r1' }],
      ['ECDSA_SECP256K1', 256, 'ec', { namedCurve: 'secp256k1' }],
      ['Ed25519', 256, 'ed25519', {}],
    ])('%s %i', async (algorithm, size, type, details) => {
      const { status, body, headers } = await post({ algorithm, size, name: 'fresh' });
      expect(status).toBe(201);
      expect(headers.get('etag')).toBe('"1"');
      const pem = Buffer.from(body.public_key, 'base64').toString();
      const publicKey = createPublicKey(pem);
      expect([publicKey.asymmetricKeyType, publicKey.asymmetricKeyDetails]).toEqual([type, details]);
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      expect(body).toMatchObject({
        algorithm,
        size,
        fingerprint: createHash('sha256').update(spki).digest('hex'),
        has_private_key: true,
        state: 'enabled',
        version: 1,
        usages: ['sign', 'verify'],
        origin: 'generated',
        exportable: false,
      });
    });

    it.each([
      ['Ed25519', 256],
      ['ECDSA_SECP256K1', 256],
    ])('%s without a size, of which it has one', async (algorithm, size) => {
      const { status, body } = await post({ algorithm, name: 'sizeless' });
      expect([status, body.algorithm, body.size]).toEqual([201, algorithm, size]);
    });

    it('with the default engine and empty collections where nothing is said, or null', async () => {
      for (const nothing of [{}, { tags: null, metadata: null, engine_id: null }]) {
        const { status, body } = await post({ algorithm: 'Ed25519', name: 'plain', ...nothing });
        expect(status).toBe(201);
        expect(body).toMatchObject({ engine_id: 'first', tags: [], metadata: {}, aliases: [] });
      }
    });

    it('in the engine that is named', async () => {
      const key = await client.create({ engine_id: 'second' });
      expect(key.pkcs11_uri).toBe(`pkcs11:token-id=second;id=${key.key_id};type=private`);
    });

    it('with the same name as another key, and ids in the order of creation', async () => {
      const [one, two] = [await client.create({ name: 'twin' }), await client.create({ name: 'twin' })];
      expect(one.key_id < two.key_id).toBe(true);
    });

    it('with what was sent, to the letter', async () => {
      const metadata = { 'a/b': 'ä€😀', n: [1, 2.5, null, true, { deep: {} }], '': 'empty name' };
      const tags = ['Ünïcode 😀', 'a;b', '"', '%'];
      const key = await client.create({ name: ' spaces and\nlines ', tags, metadata });
      expect(await client.read(key.key_id)).toMatchObject({ name: ' spaces and\nlines ', tags, metadata });
    });
  });

  describe('refusals store nothing', () => {
    const good = { algorithm: 'ECDSA', size: 256, name: 'never' };

    it.each<[string, unknown, string]>([
      ['an empty object', {}, 'algorithm'],
      ['no algorithm', { name: 'n', size: 256 }, 'algorithm'],
      ['an unknown algorithm', { ...good, algorithm: 'DSA' }, 'algorithm'],
      ['an algorithm in another case', { ...good, algorithm: 'ecdsa' }, 'algorithm'],
      ['a name of JavaScript as algorithm', { ...good, algorithm: 'constructor' }, 'algorithm'],
      ['RSA without a size', { ...good, algorithm: 'RSA', size: undefined }, 'size'],
      ['RSA with a size of null', { ...good, algorithm: 'RSA', size: null }, 'size'],
      ['ECDSA without a size', { ...good, size: undefined }, 'size'],
      ['ML_DSA without a size', { ...good, algorithm: 'ML_DSA', size: undefined }, 'size'],
      ['RSA 1024', { ...good, algorithm: 'RSA', size: 1024 }, 'size'],
      ['RSA 2049', { ...good, algorithm: 'RSA', size: 2049 }, 'size'],
      ['RSA 8192', { ...good, algorithm: 'RSA', size: 8192 }, 'size'],
      ['ECDSA 255', { ...good, size: 255 }, 'size'],
      ['secp256k1 with another size', { ...good, algorithm: 'ECDSA_SECP256K1', size: 384 }, 'size'],
      ['Ed25519 with another size', { ...good, algorithm: 'Ed25519', size: 512 }, 'size'],
      ['ML_DSA 45', { ...good, algorithm: 'ML_DSA', size: 45 }, 'size'],
      ['a size that is text', { ...good, size: '256' }, 'size'],
      ['a broken size', { ...good, size: 256.5 }, 'size'],
      ['no name', { ...good, name: undefined }, 'name'],
      ['an empty name', { ...good, name: '' }, 'name'],
      ['a name that is a number', { ...good, name: 7 }, 'name'],
      ['an engine that does not exist', { ...good, engine_id: 'third' }, 'engine_id'],
      ['an engine id that is none', { ...good, engine_id: '../first' }, 'engine_id'],
      ['tags that are no list', { ...good, tags: 'production' }, 'tags'],
      ['a tag that is no text', { ...good, tags: ['ok', 1] }, 'tags'],
      ['metadata that is a list', { ...good, metadata: [] }, 'metadata'],
      ['metadata that is text', { ...good, metadata: '{}' }, 'metadata'],
      ['an unknown member', { ...good, key_id: 'key-1' }, 'key_id'],
      ['a member named constructor', { ...good, constructor: 1 }, 'constructor'],
      ['a member named toString', { ...good, toString: 'x' }, 'toString'],
      ['metadata with constructor', { ...good, metadata: { constructor: 1 } }, 'metadata'],
      ['metadata with prototype deep inside', { ...good, metadata: { a: [{ prototype: {} }] } }, 'metadata'],
      ['aliases, which are given afterwards', { ...good, aliases: ['a'] }, 'aliases'],
    ])('400 for %s, which it names', async (_, body, path) => {
      const before = await client.stats();
      const answer = await post(body);
      expect(refusal(answer as never)).toEqual([400, 'validation_failed']);
      const problem = answer.body as unknown as { errors: { path: string; message: string }[]; err: string };
      expect(problem.errors.map((error) => error.path.replace(/^\//, ''))).toContain(path);
      for (const error of problem.errors) expect(error.message).not.toBe('');
      expect(problem.err).not.toBe('');
      expect(await client.stats()).toEqual(before);
    });

    it.each([
      ['nothing', ''],
      ['no JSON', '{"algorithm":'],
      ['two documents', '{}{}'],
      ['JSON with a comment', '{} // x'],
      ['a list', '[]'],
      ['text', '"RSA"'],
      ['null', 'null'],
      ['a number', '1'],
      ['__proto__', '{"algorithm":"Ed25519","name":"n","__proto__":{"x":1}}'],
      ['constructor.prototype', '{"algorithm":"Ed25519","name":"n","constructor":{"prototype":{}}}'],
      ['__proto__ in metadata', '{"algorithm":"Ed25519","name":"n","metadata":{"__proto__":{}}}'],
      ['an escaped __proto__', '{"algorithm":"Ed25519","name":"n","metadata":{"\\u005f_proto__":{}}}'],
    ])('400 for a body of %s', async (_, raw) => {
      const before = await client.stats();
      const answer = await client.send('POST', KEYS, raw);
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toBe(answer.body.err);
      expect(await client.stats()).toEqual(before);
    });

    it('401 without a token, 403 without the permission, both before 400', async () => {
      expect(refusal(await app.call('POST', KEYS, { body: {} }))).toEqual([401, 'unauthenticated']);
      const reader = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:sign');
      expect(refusal(await reader.call('POST', KEYS, {}))).toEqual([403, 'forbidden']);
    });

    it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
      '415 for %s',
      async (type) => {
        const answer = await app.call('POST', KEYS, {
          token: client.token,
          body: good,
          headers: { 'content-type': type },
        });
        expect(refusal(answer)).toEqual([415, 'unsupported_media_type']);
      },
    );
  });

  describe.each([44, 65, 87])('ML_DSA %i', (size) => {
    const body = { algorithm: 'ML_DSA', size, name: 'post-quantum' };

    it.runIf(HAS_ML_DSA)('201 where the runtime has it, and its signatures verify', async () => {
      const { status, body: key } = await post(body);
      expect([status, key.algorithm, key.size]).toEqual([201, 'ML_DSA', size]);
      const request = { algorithm: `ML_DSA_${size}`, message: 'aGVsbG8=' };
      const signature = await client.sign(key.key_id, request);
      expect(await client.verify(key.key_id, { ...request, signature })).toEqual({ valid: true });
      const changed = { ...request, message: 'aGVsbG9v', signature };
      expect((await client.verify(key.key_id, changed)).valid).toBe(false);
    });

    it.skipIf(HAS_ML_DSA)('422 where the runtime lacks it, saying so and offering it nowhere', async () => {
      const answer = await client.call('POST', KEYS, body);
      expect(refusal(answer)).toEqual([422, 'unsupported_by_engine']);
      expect(answer.body.detail).toContain('Node');
      const engines = await client.call<{ supported_key_types: { type: string }[] }[]>(
        'GET',
        '/api/kms/v1/engines',
      );
      expect(
        engines.body.flatMap((engine) => engine.supported_key_types.map(({ type }) => type)),
      ).not.toContain('ML_DSA');
    });
  });
});
