import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SecretBytes } from '#kernel';
import { NativeKey } from './native-key.js';
import { findSignatureRow } from './signature-table.js';
import { findKeySpec } from './key-specs.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const spki = publicKey.export({ type: 'spki', format: 'der' });
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
const data = Buffer.from('message');
const digest = createHash('sha256').update(data).digest();

describe('a key inside OpenSSL', () => {
  it('signs and verifies inline and on the pool alike', async () => {
    const [signer, verifier] = [NativeKey.fromPkcs8(pkcs8), NativeKey.fromSpki(spki)];
    for (const signature of [signer.signInline(digest), await signer.sign(digest, [])]) {
      expect(verifier.verifyInline(digest, signature)).toBe(true);
      expect(await verifier.verify(digest, signature, [])).toBe(true);
      expect(verifier.verifyInline(Buffer.alloc(32), signature)).toBe(false);
      expect(await verifier.verify(Buffer.alloc(32), signature, [])).toBe(false);
    }
    signer.dispose();
    verifier.dispose();
  });

  it('finishes what is under way when it is disposed of, and refuses what comes later', async () => {
    const signer = NativeKey.fromPkcs8(pkcs8);
    const verifier = NativeKey.fromSpki(spki);
    const signing = Array.from({ length: 300 }, () => signer.sign(digest, []));
    signer.dispose();
    for (const signature of await Promise.all(signing))
      expect(verifier.verifyInline(digest, signature)).toBe(true);
    expect(() => signer.signInline(digest)).toThrow(/disposed of/);
    verifier.dispose();
    verifier.dispose();
  });

  it.each([
    ['private', () => NativeKey.fromPkcs8(Buffer.from('3000', 'hex'))],
    ['public', () => NativeKey.fromSpki(Buffer.alloc(0))],
  ])('is not made of bytes that are no %s key', (_, make) => {
    expect(make).toThrow(/does not read the key/);
  });

  it('refuses settings that are none, and signing with a public key', async () => {
    const key = NativeKey.fromSpki(spki);
    await expect(key.verify(digest, digest, [['no_such_setting', '1']])).rejects.toThrow(/refused/);
    expect(() => key.signInline(digest)).toThrow();
    expect(await key.check()).toBe(false);
    key.dispose();
  });
});

describe.each([
  [
    'koffi cannot be loaded',
    {
      createRequire: () => () => {
        throw new Error('no such module');
      },
    },
  ],
  ['another OpenSSL answers', { createRequire: () => () => fakeKoffi }],
])('where %s', (_, module) => {
  beforeEach(() => {
    vi.resetModules();
    vi.doMock('node:module', () => module);
  });

  afterEach(() => {
    vi.doUnmock('node:module');
    vi.resetModules();
  });

  it('digests are refused by 422 with the reason, while messages are verified', async () => {
    const { hasNativeOpenSsl } = await import('./native-openssl.js');
    const { verifySignature } = await import('./verify-signature.js');
    const signature = sign('sha256', data, privateKey);
    const input = { spki, spec: findKeySpec('ECDSA', 256)!, row: findSignatureRow('ES256')!, signature };
    expect(hasNativeOpenSsl()).toBe(false);
    expect(await verifySignature({ ...input, type: 'raw', data })).toBe(true);
    for (const some of [signature, Buffer.from('garbage')]) {
      await expect(
        verifySignature({ ...input, type: 'digest', data: digest, signature: some }),
      ).rejects.toMatchObject({
        code: 'unsupported_by_engine',
        detail: expect.stringContaining('OpenSSL'),
      });
    }
  });

  it('hashing and authenticating go another way', async () => {
    const { digestOf, hmacSha256Hex } = await import('./derive.js');
    expect(digestOf('sha256', data)).toEqual(digest);
    const mac = createHmac('sha256', digest).update(data).digest('hex');
    expect(hmacSha256Hex(SecretBytes.take(Buffer.from(digest)), data)).toBe(mac);
  });
});

const fakeKoffi = {
  sizeof: () => 8,
  config: () => undefined,
  load: () => ({ func: () => () => 'OpenSSL 0.9.8' }),
};
