import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

const MIB = 1_048_576;
const KIB = 1_024;

const many = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** An object of objects and arrays, this many in one another, the innermost empty or with a value in it. */
const nested = (depth: number, filled: boolean): object =>
  Array.from({ length: depth - 1 }).reduceRight<object>(
    (inner, _, level) => (level % 2 === 0 ? { in: inner } : [inner]),
    filled ? [1] : {},
  );

/** Metadata of so many bytes as JSON. */
const metadataOf = (bytes: number, character = 'x'): object => {
  const room = bytes - Buffer.byteLength('{"a":""}');
  const value = character.repeat(Math.floor(room / Buffer.byteLength(character)));
  return { a: value + 'x'.repeat(room - Buffer.byteLength(value)) };
};

describe('limits of the key plane: at them and below, and one above', () => {
  let app: TestApp;
  let client: KmsCaller;
  let key: Key;

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
    key = await client.create();
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  const create = (description: object): Promise<Answer> =>
    client.call('POST', KEYS, { algorithm: 'Ed25519', name: 'n', ...description });
  const change = (what: string, body: unknown, ref = key.key_id): Promise<Answer> =>
    client.call('PUT', keyPath(ref, `/${what}`), body);
  const replaceAliases = (aliases: unknown): Promise<Answer> =>
    change('alias', { patches: [{ op: 'replace', path: '', value: aliases }] });
  const replaceMetadata = (metadata: unknown): Promise<Answer> =>
    change('metadata', { patches: [{ op: 'replace', path: '', value: metadata }] });

  describe('the body', () => {
    const padded = (bytes: number): string => {
      const body = JSON.stringify({ algorithm: 'Ed25519', name: 'padded' });
      return body + ' '.repeat(bytes - body.length);
    };

    it.each([
      [MIB - 1, 201],
      [MIB, 201],
      [MIB + 1, 413],
      [2 * MIB, 413],
    ])('%i bytes: %i', async (bytes, status) => {
      const answer = await client.send('POST', KEYS, padded(bytes));
      expect(answer.status).toBe(status);
      if (status === 413) expect(answer.body.code).toBe('body_too_large');
    });

    it('413 for a body that does not say how long it is', async () => {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const outgoing = request(app.url + KEYS, {
          method: 'POST',
          headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' },
        });
        outgoing.on('response', (response) => resolve(response.resume().statusCode));
        outgoing.on('error', reject);
        for (const part of many(5, '')) outgoing.write(part + ' '.repeat(MIB / 4));
        outgoing.end();
      });
      expect(status).toBe(413);
    });

    it('401 before it is read', async () => {
      const answer = await app.call('POST', KEYS, { raw: padded(MIB + 1) });
      expect(refusal(answer)).toEqual([401, 'unauthenticated']);
    });
  });

  describe('the name', () => {
    it.each([
      ['1 character', 'x', true],
      ['254 characters', 'x'.repeat(254), true],
      ['255 characters', 'x'.repeat(255), true],
      ['255 characters of four bytes', '😀'.repeat(255), true],
      ['no character', '', false],
      ['256 characters', 'x'.repeat(256), false],
      ['256 characters of four bytes', '😀'.repeat(256), false],
    ])('%s', async (_, name, good) => {
      expect((await create({ name })).status).toBe(good ? 201 : 400);
      const renamed = await change('name', { name });
      expect([renamed.status, renamed.body.name]).toEqual(good ? [200, name] : [400, undefined]);
    });
  });

  describe('tags', () => {
    it.each([
      ['none', [], true],
      ['49', many(49, 't'), true],
      ['50', many(50, 't'), true],
      ['51', many(51, 't'), false],
      ['51 of which two are one', [...many(50, 't'), 't0'], false],
      ['one of 1 character', ['x'], true],
      ['one of 128 characters', ['x'.repeat(128)], true],
      ['one of 128 characters of four bytes', ['😀'.repeat(128)], true],
      ['one of no character', [''], false],
      ['one of 129 characters', ['x'.repeat(129)], false],
    ])('%s', async (_, tags, good) => {
      expect((await create({ tags })).status).toBe(good ? 201 : 400);
      const replaced = await change('tags', { tags });
      expect([replaced.status, replaced.body.tags]).toEqual(good ? [200, tags] : [400, undefined]);
    });
  });

  describe('aliases', () => {
    it.each([
      ['49', many(49, 'a'), true],
      ['50', many(50, 'a'), true],
      ['51', many(51, 'a'), false],
      ['one of 1 character', ['x'], true],
      ['one of 128 characters', ['x'.repeat(128)], true],
      ['one of 129 characters', ['x'.repeat(129)], false],
      ['one of no character', [''], false],
    ])('%s', async (_, aliases, good) => {
      const answer = await replaceAliases(aliases);
      expect([answer.status, answer.body.aliases]).toEqual(good ? [200, aliases] : [400, undefined]);
      for (const alias of good ? aliases.slice(0, 3) : []) {
        expect((await client.read(alias)).key_id).toBe(key.key_id);
      }
    });

    it.each([
      ...'AZaz09_:@+-',
      'a/b',
      'a//b',
      '...',
      '-',
      'keys',
      'Key-1',
      'PKCS11:x',
      'batches',
      'Import',
      '.hidden',
      'a/..',
      'a.',
    ])('may be %s', async (alias) => {
      expect((await replaceAliases([alias])).status).toBe(200);
      expect((await client.read(alias)).key_id).toBe(key.key_id);
      const signed = await client.call('POST', keyPath(alias, '/sign'), {
        algorithm: 'ES256',
        message: 'AAAA',
      });
      expect(signed.status).toBe(200);
    });

    it.each([
      ...'!"#$%&\'()*,;<=>?[\\]^`{|}~ é😀\n\0',
      ...['.', '..', 'batch', 'bulk', 'import', 'key-', 'key-1', 'pkcs11:', 'pkcs11:x'],
      ...['/', '/a', 'a/', '\ud800', ' a', 'a '],
    ])('may not be %j', async (alias) => {
      const before = await client.read(key.key_id);
      expect(refusal(await replaceAliases([alias]))).toEqual([400, 'invalid_patch']);
      expect(await client.read(key.key_id)).toEqual(before);
    });
  });

  describe('metadata', () => {
    it.each<[string, unknown, boolean]>([
      ['no members', {}, true],
      ['16 KiB less one byte', metadataOf(16 * KIB - 1), true],
      ['16 KiB', metadataOf(16 * KIB), true],
      ['16 KiB in UTF-8', metadataOf(16 * KIB, '😀'), true],
      ['16 KiB and one byte', metadataOf(16 * KIB + 1), false],
      ['16 KiB of characters that are more bytes', metadataOf(16 * KIB + 4, '😀'), false],
      ['7 levels', nested(7, true), true],
      ['8 levels', nested(8, true), true],
      ['8 levels, the innermost empty', nested(8, false), true],
      ['9 levels', nested(9, true), false],
      ['9 levels, the innermost empty', nested(9, false), false],
      ['90 levels', nested(90, false), false],
      ['2^53 - 1', { n: 9_007_199_254_740_991, m: -9_007_199_254_740_991 }, true],
      ['a large fraction', { n: 1.5e15, m: 0.1, tiny: 5e-324 }, true],
      ['an integer beyond 2^53', { n: 9_007_199_254_740_994 }, false],
      ['one below -2^53, deep inside', { a: [{ n: -9_007_199_254_740_994 }] }, false],
      ['an integer written as 1e300', { n: 1e300 }, false],
    ])('%s', async (_, metadata, good) => {
      const made = await create({ metadata });
      expect(made.status).toBe(good ? 201 : 400);
      if (good) expect(made.body.metadata).toEqual(metadata);
      const replaced = await replaceMetadata(metadata);
      expect(replaced.status).toBe(good ? 200 : 400);
      if (good) expect(replaced.body.metadata).toEqual(metadata);
    });

    it.each(['9007199254740993', '-9007199254740993', '1e400', '123456789012345678901234567890'])(
      'refuses the number %s, which JavaScript reads as another',
      async (number) => {
        const body = `{"algorithm":"Ed25519","name":"n","metadata":{"n":${number}}}`;
        expect(refusal(await client.send('POST', KEYS, body))).toEqual([400, 'validation_failed']);
        const patch = `{"patches":[{"op":"add","path":"/n","value":[${number}]}]}`;
        expect(refusal(await client.send('PUT', keyPath(key.key_id, '/metadata'), patch))).toEqual([
          400,
          'invalid_patch',
        ]);
      },
    );

    it('grows by patches to 16 KiB and not beyond', async () => {
      await replaceMetadata(metadataOf(16 * KIB - 8));
      const before = await client.read(key.key_id);
      const append = (value: string): Promise<Answer> =>
        change('metadata', { patches: [{ op: 'add', path: '/b', value }] });
      expect(refusal(await append('xx'))).toEqual([400, 'invalid_patch']);
      expect(await client.read(key.key_id)).toEqual(before);
      expect((await append('x')).status).toBe(200);
    });
  });

  it.each([
    [99, 200],
    [100, 200],
    [101, 400],
  ])('%i patches: %i', async (count, status) => {
    const patches = many(count, '').map((n) => ({ op: 'add', path: '/n', value: n }));
    expect((await replaceMetadata({})).status).toBe(200);
    expect((await change('metadata', { patches })).status).toBe(status);
    expect((await client.read(key.key_id)).metadata).toEqual(status === 200 ? { n: String(count - 1) } : {});
  });

  describe('the message', () => {
    it.each([
      [1, 200],
      [512 * KIB - 1, 200],
      [512 * KIB, 200],
      [512 * KIB + 1, 413],
      [600 * KIB, 413],
      [700 * KIB, 413],
    ])('%i bytes: %i', async (bytes, status) => {
      const body = { algorithm: 'ES256', message: Buffer.alloc(bytes, 1).toString('base64') };
      const signed = await client.call('POST', keyPath(key.key_id, '/sign'), body);
      expect(signed.status).toBe(status);
      const signature = status === 200 ? signed.body.signature : 'AAAA';
      const verified = await client.call('POST', keyPath(key.key_id, '/verify'), { ...body, signature });
      expect([verified.status, verified.body.valid]).toEqual([status, status === 200 ? true : undefined]);
      if (status === 413) expect(refusal(signed)).toEqual(refusal(verified));
    });
  });
});
