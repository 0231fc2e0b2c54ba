import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';
import { OpenSsl } from '../../harness/openssl.js';
import {
  SIGNATURE_CASES,
  newMessage,
  opensslSigns,
  type SignatureCase,
} from '../../harness/signature-cases.js';

const base64 = (bytes: Buffer): string => bytes.toString('base64');
const HELLO = Buffer.from('hello');

describe('POST /keys/{id}/verify', () => {
  let app: TestApp;
  let client: KmsCaller;
  let openssl: OpenSsl;
  const pairs = new Map<string, Promise<{ id: string; privateKey: Buffer }>>();

  /** A private key that only openssl has, and its public half imported. */
  const pairOf = ({ genpkey }: SignatureCase): Promise<{ id: string; privateKey: Buffer }> => {
    const make = async (): Promise<{ id: string; privateKey: Buffer }> => {
      const privateKey = await openssl.generate(...genpkey);
      const { body } = await client.importKey({ public_key: await openssl.publicKey(privateKey) });
      return { id: body.key_id, privateKey };
    };
    const pair = pairs.get(genpkey.join()) ?? make();
    pairs.set(genpkey.join(), pair);
    return pair;
  };
  const post = (ref: string, body: unknown): Promise<Answer> =>
    client.call('POST', keyPath(ref, '/verify'), body);

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

  describe('200 {valid: true} for what openssl signed, {valid: false} for anything else', () => {
    it.each(SIGNATURE_CASES.map((one) => [one.title, one] as const))('%s', async (_, one) => {
      const { id, privateKey } = await pairOf(one);
      const { message, digest } = newMessage(one);
      const { algorithm } = one;
      const signature = await opensslSigns(openssl, one, privateKey, { message, digest });
      const requests = [
        { algorithm, message: base64(message), message_type: 'raw' },
        ...(digest ? [{ algorithm, message: base64(digest), message_type: 'digest' }] : []),
      ];
      for (const request of requests) {
        expect(await client.verify(id, { ...request, signature: base64(signature) })).toEqual({
          valid: true,
        });
        const other = Buffer.from(request.message, 'base64');
        other[0]! ^= 1;
        for (const wrong of [
          { ...request, message: base64(other), signature: base64(signature) },
          { ...request, signature: base64(Buffer.concat([signature, Buffer.alloc(1)])) },
          { ...request, signature: base64(signature.subarray(0, -1)) },
        ]) {
          const answer = await client.verify(id, wrong);
          expect([answer.valid, typeof answer.error]).toEqual([false, 'string']);
        }
      }
    });

    it.each(['auto', 'hash', 20, 32])('RSASSA-PSS with salt_length %s', async (salt_length) => {
      const one = SIGNATURE_CASES.find(({ algorithm }) => algorithm === 'RSASSA_PSS_SHA_256')!;
      const { id, privateKey } = await pairOf(one);
      const { message, digest } = newMessage(one);
      const request = { algorithm: 'PS256', message: base64(message), salt_length };
      for (const salt of [20, 32]) {
        const signature = base64(
          await opensslSigns(openssl, one, privateKey, { message, digest }, String(salt)),
        );
        const { valid } = await client.verify(id, { ...request, signature });
        const expected = salt_length === 'auto' || salt === (salt_length === 'hash' ? 32 : salt_length);
        expect([salt, valid]).toEqual([salt, expected]);
      }
    });

    it('a digest that was hashed again is another message', async () => {
      const one = SIGNATURE_CASES.find(({ title }) => title === 'P-256, sha256')!;
      const { id, privateKey } = await pairOf(one);
      const digest = createHash('sha256').update(HELLO).digest();
      const twice = createHash('sha256').update(digest).digest();
      const signature = base64(
        await opensslSigns(openssl, one, privateKey, { message: HELLO, digest: twice }),
      );
      const verify = (message: Buffer, message_type: string) =>
        client.verify(id, { algorithm: 'ES256', message: base64(message), message_type, signature });
      expect((await verify(digest, 'digest')).valid).toBe(false);
      expect((await verify(HELLO, 'raw')).valid).toBe(false);
      expect((await verify(twice, 'digest')).valid).toBe(true);
      expect((await verify(digest, 'raw')).valid).toBe(true);
    });
  });

  describe('200 {valid: false} for any decodable base64 as signature', () => {
    it.each([
      ['nothing', ''],
      ['one byte', 'AA=='],
      ['zeros', base64(Buffer.alloc(64))],
      ['an empty sequence', base64(Buffer.from('3000', 'hex'))],
      ['r = s = 0', base64(Buffer.from('3006020100020100', 'hex'))],
      ['a length that lies', base64(Buffer.from('30847fffffff0201010201 01'.replace(' ', ''), 'hex'))],
      ['deep nesting', base64(Buffer.from('30'.repeat(2_000), 'hex'))],
      ['as much as a body holds', base64(Buffer.alloc(780_000, 0xff))],
    ])('%s', async (_, signature) => {
      for (const one of SIGNATURE_CASES.filter(({ hash }) => hash === undefined || hash === 'sha256')) {
        const { id } = await pairOf(one);
        const body = { algorithm: one.algorithm, message: base64(HELLO), signature };
        for (const signature_format of ['der', 'raw', 'jws']) {
          const answer = await post(id, { ...body, signature_format });
          expect([one.title, answer.status, answer.body.valid]).toEqual([one.title, 200, false]);
        }
      }
    });
  });

  describe('400 with the reason', () => {
    const good = { algorithm: 'ES256', message: base64(HELLO), signature: 'AAAA' };
    let key: Key;

    beforeAll(async () => {
      key = await client.create();
    });

    it.each<[string, object, string, RegExp]>([
      ['no signature', { signature: undefined }, 'validation_failed', /signature is required/],
      ['a signature that is not base64', { signature: '!' }, 'validation_failed', /signature must be base64/],
      ['half a base64', { signature: 'A' }, 'validation_failed', /signature must be base64/],
      ['a signature that is no text', { signature: [1] }, 'validation_failed', /signature/],
      ['an empty message', { message: '' }, 'validation_failed', /empty/],
      ['a message that is not base64', { message: '?' }, 'validation_failed', /base64/],
      ['an unknown message type', { message_type: 'sha256' }, 'validation_failed', /message_type/],
      ['an unknown member', { valid: true }, 'validation_failed', /valid is unknown/],
      ['an unknown algorithm', { algorithm: 'ES128' }, 'invalid_algorithm', /unknown/],
      ['an algorithm that does not fit', { algorithm: 'PS256' }, 'invalid_algorithm', /does not fit/],
      ['a digest of another length', { message_type: 'hash' }, 'invalid_algorithm', /32 bytes, not 5/],
    ])('%s', async (_, change, code, reason) => {
      const answer = await post(key.key_id, { ...good, ...change });
      expect(refusal(answer)).toEqual([400, code]);
      expect(answer.body.detail).toMatch(reason);
      expect(answer.body).not.toHaveProperty('valid');
    });

    it('and 401, 403, 404 each in its turn', async () => {
      const path = keyPath(key.key_id, '/verify');
      const signer = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:sign');
      expect(refusal(await app.call('POST', path, { body: {} }))).toEqual([401, 'unauthenticated']);
      expect(refusal(await signer.call('POST', path, {}))).toEqual([403, 'forbidden']);
      expect(refusal(await post(UNKNOWN_KEY, {}))).toEqual([400, 'validation_failed']);
      expect(refusal(await post(UNKNOWN_KEY, good))).toEqual([404, 'not_found']);
    });
  });
});
