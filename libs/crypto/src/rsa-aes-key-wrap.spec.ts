import {
  constants,
  createCipheriv,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SecretBytes } from '#kernel';
import { OpenSsl } from '../../../test/harness/openssl.js';
import { unwrapPrivateKey, wrapPrivateKey } from './rsa-aes-key-wrap.js';

const der = (modulusLength: number) =>
  generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
const wrapping = der(2048);
const publicKey = createPublicKey({ key: wrapping.publicKey, format: 'der', type: 'spki' });
const wrappingKey = (): SecretBytes => SecretBytes.take(Buffer.from(wrapping.privateKey));
const opened = (wrapped: Buffer, hash: 'sha1' | 'sha256' = 'sha256'): Buffer =>
  unwrapPrivateKey(wrappingKey(), hash, wrapped).expose('test');
const secret = (bytes: Buffer): SecretBytes => SecretBytes.take(Buffer.from(bytes));

const oaepUnder = (oaepHash: 'sha1' | 'sha256', aes: Buffer): Buffer =>
  publicEncrypt({ key: publicKey, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, aes);
const kwpUnder = (aes: Buffer, bytes: Buffer): Buffer =>
  createCipheriv('id-aes256-wrap-pad', aes, Buffer.from('a65959a6', 'hex')).update(bytes);

describe('wrapping a private key under RSA-OAEP and AES-KWP', () => {
  const keys = [
    der(2048).privateKey,
    generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey.export({ type: 'pkcs8', format: 'der' }),
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }),
  ];

  it.each(['sha1', 'sha256'] as const)('opens what it wrapped, with %s, to the byte', (hash) => {
    for (const key of [...keys, ...[1, 7, 8, 9, 16].map((length) => randomBytes(length))]) {
      const pkcs8 = secret(key);
      const wrapped = wrapPrivateKey(wrapping.publicKey, hash, pkcs8);
      expect(wrapped).toHaveLength(256 + 8 + 8 * Math.ceil(key.length / 8));
      expect(opened(wrapped, hash)).toEqual(key);
      expect(pkcs8.length).toBe(key.length);
    }
  });

  it('never wraps twice under one AES key', () => {
    const wrap = (): Buffer => wrapPrivateKey(wrapping.publicKey, 'sha256', secret(keys[1]!));
    const [one, other] = [wrap(), wrap()];
    expect(one.subarray(256)).not.toEqual(other.subarray(256));
  });

  describe('as the openssl command sees it', () => {
    let openSsl: OpenSsl;
    beforeAll(async () => {
      openSsl = await OpenSsl.open();
    });
    afterAll(() => openSsl.close());

    const oaepOptions = (hash: string): string[] =>
      ['rsa_padding_mode:oaep', `rsa_oaep_md:${hash}`, `rsa_mgf1_md:${hash}`].flatMap((option) => [
        '-pkeyopt',
        option,
      ]);
    const kwpOptions = (aes: Buffer): string[] => [
      'enc',
      '-id-aes256-wrap-pad',
      ...['-K', aes.toString('hex'), '-iv', 'A65959A6'],
    ];

    it.each(['sha1', 'sha256'] as const)('opens there what is wrapped here, with %s', async (hash) => {
      const wrapped = wrapPrivateKey(wrapping.publicKey, hash, secret(keys[0]!));
      const aes = await openSsl.print([
        ...['pkeyutl', '-decrypt', '-keyform', 'DER', '-inkey', await openSsl.file(wrapping.privateKey)],
        ...['-in', await openSsl.file(wrapped.subarray(0, 256)), ...oaepOptions(hash)],
      ]);
      expect(aes).toHaveLength(32);
      expect(await openSsl.print([...kwpOptions(aes), '-d'], wrapped.subarray(256))).toEqual(keys[0]);
    });

    it.each(['sha1', 'sha256'] as const)('opens here what is wrapped there, with %s', async (hash) => {
      const aes = randomBytes(32);
      const under = await openSsl.print(
        [
          ...['pkeyutl', '-encrypt', '-pubin', '-keyform', 'DER'],
          ...['-inkey', await openSsl.file(wrapping.publicKey), ...oaepOptions(hash)],
        ],
        aes,
      );
      const body = await openSsl.print(kwpOptions(aes), keys[0]);
      expect(opened(Buffer.concat([under, body]), hash)).toEqual(keys[0]);
    });
  });

  it('refuses whatever does not open, by one and the same error', () => {
    const aes = randomBytes(32);
    const [under, body] = [oaepUnder('sha256', aes), kwpUnder(aes, keys[0]!)];
    expect(opened(Buffer.concat([under, body]))).toEqual(keys[0]);
    const flipped = (bytes: Buffer, at: number): Buffer => {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      return changed;
    };
    const wrong = [
      Buffer.alloc(0),
      under,
      body,
      Buffer.concat([under, body.subarray(0, -8)]),
      Buffer.concat([under, body, Buffer.alloc(8)]),
      Buffer.concat([under, body.subarray(0, -1)]),
      Buffer.concat([under, Buffer.alloc(16 * 1024 + 8)]),
      Buffer.concat([flipped(under, 100), body]),
      Buffer.concat([under, flipped(body, 0)]),
      Buffer.concat([under, flipped(body, body.length - 1)]),
      Buffer.concat([oaepUnder('sha1', aes), body]),
      Buffer.concat([oaepUnder('sha256', randomBytes(32)), body]),
      Buffer.concat([oaepUnder('sha256', aes.subarray(0, 16)), body]),
      Buffer.concat([Buffer.alloc(256, 0xff), body]),
    ];
    const errors = wrong.map((wrapped) => {
      try {
        opened(wrapped);
        return 'opened';
      } catch (error) {
        const { code, detail, cause } = error as { code: string; detail: string; cause: unknown };
        return { code, detail, cause };
      }
    });
    expect(new Set(errors.map((error) => JSON.stringify(error))).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: 'invalid_key_material', cause: undefined });
  });
});
