import { createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKeySpec, parsePublicKey, wrapPrivateKey, type KeySpec, type OaepHash } from '#crypto';
import { SecretBytes } from '#kernel';
import { SoftHsm } from '../../../../test/harness/softhsm.js';
import { code, expectSound, message, rowsOf, stored } from '../conformance/soundness.js';
import type { EngineKey, EngineKeyRef } from '../engine.js';
import { objectIdOf } from './key-naming.js';
import type { Pkcs11Engine } from './pkcs11.engine.js';

const hsm = new SoftHsm().addToken('unwrapping');
const open = (program?: string): Pkcs11Engine =>
  hsm.driver(program === undefined ? {} : { program }).open(hsm.input('unwrapping')) as Pkcs11Engine;
const engine = open();
const ref = (keyId: string): EngineKeyRef => ({ tenantId: 'acme', keyId });
const UNDER = ref('imp-1');
/** Both halves of the wrapping key. */
const PAIR = 2;
const HASH = 'sha1';

const kind = (algorithm: string, size: number): KeySpec => findKeySpec(algorithm, size)!;
const P256 = kind('ECDSA', 256);
const RSA = kind('RSA', 2048);

let wrappingKey: Buffer;
let rsa: KeyObject;

beforeAll(async () => {
  await engine.connect();
  wrappingKey = await engine.makeWrappingKey(UNDER);
  rsa = newKey(RSA);
});
afterAll(async () => {
  await engine.close();
  hsm.remove();
});

function newKey({ keyType, size, namedCurve = '' }: KeySpec, more: object = {}): KeyObject {
  const options = { modulusLength: size, namedCurve, ...more };
  return generateKeyPairSync(keyType as 'ec', options).privateKey;
}
const pkcs8Of = (key: KeyObject): SecretBytes =>
  SecretBytes.take(key.export({ type: 'pkcs8', format: 'der' }));
const spkiOf = (key: KeyObject): Buffer =>
  parsePublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' })).spki;
const wrap = (key: KeyObject, hash: OaepHash = HASH): Buffer =>
  wrapPrivateKey(wrappingKey, hash, pkcs8Of(key));
const unwrap = (keyId: string, spec: KeySpec, bytes: Buffer, spki?: Buffer): Promise<EngineKey> =>
  engine.unwrapKey(ref(keyId), spec, { under: UNDER, hash: HASH, bytes, ...(spki && { spki }) });
const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
};

async function expectSigns(by: Pkcs11Engine, keyId: string, spec: KeySpec, key: EngineKey): Promise<void> {
  const [row] = rowsOf(spec);
  await expectSound(by, stored(ref(keyId), spec, key), { row: row!, type: 'raw', data: message });
}

describe('a wrapped key', () => {
  it.each([
    ['RSA', 2048],
    ['RSA', 4096],
    ['ECDSA', 256],
    ['ECDSA', 384],
    ['ECDSA', 521],
    ['ECDSA_SECP256K1', 256],
  ])('%s %i is opened on the token, guarded there, and signs', async (algorithm, size) => {
    const spec = kind(algorithm, size);
    const id = `${algorithm}-${size}`;
    expect(await engine.findWrapping(spec)).toBe(HASH);
    const key = newKey(spec);
    const taken = await unwrap(id, spec, wrap(key), spec.keyType === 'rsa' ? undefined : spkiOf(key));
    expect(taken.spki).toEqual(spkiOf(key));
    expect(taken.evidence).toEqual({
      sensitive: true,
      extractable: false,
      always_sensitive: false,
      never_extractable: false,
      local: false,
    });
    await expectSigns(engine, id, spec, taken);
    expect((await engine.find(ref(id)))?.spki).toEqual(taken.spki);
    await engine.discard(ref(id));
    expect(hsm.objects()).toBe(PAIR);
  });

  it('of a kind that the token does not open is not announced', async () => {
    expect(await engine.findWrapping(kind('Ed25519', 256))).toBeUndefined();
    expect(hsm.objects()).toBe(PAIR);
  });

  it.each<[string, (wrapped: Buffer) => Buffer]>([
    ['was changed in its first byte', (wrapped) => flipped(wrapped, 0)],
    ['was changed in the AES key', (wrapped) => flipped(wrapped, 300)],
    ['was changed in the private key', (wrapped) => flipped(wrapped, 512)],
    ['was changed in its last byte', (wrapped) => flipped(wrapped, wrapped.length - 1)],
    ['was cut by a block', (wrapped) => wrapped.subarray(0, -8)],
    ['was cut by a byte', (wrapped) => wrapped.subarray(0, -1)],
    ['was cut to the AES key', (wrapped) => wrapped.subarray(0, 512)],
    ['was cut within the AES key', (wrapped) => wrapped.subarray(0, 100)],
    ['was drawn out', (wrapped) => Buffer.concat([wrapped, Buffer.alloc(8)])],
    ['is nothing', () => Buffer.alloc(0)],
    ['is noise', (wrapped) => randomBytes(wrapped.length)],
    ['is no private key', () => wrapPrivateKey(wrappingKey, HASH, SecretBytes.take(randomBytes(64)))],
    ['is wrapped by another hash', () => wrap(rsa, 'sha256')],
    ['is of another kind', () => wrap(newKey(P256))],
    ['is of another size', () => wrap(newKey(kind('RSA', 3072)))],
    ['is weak', () => wrap(newKey(RSA, { modulusLength: 1024 }))],
  ])('that %s is refused like any other, and nothing of it stays', async (_, change) => {
    const refused = unwrap('refused', RSA, change(wrap(rsa)));
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_key_material',
      detail: 'the wrapped key does not open under the wrapping key it is for',
    });
    expect(hsm.objects()).toBe(PAIR);
  });

  it.each<[string, () => [KeySpec, KeyObject, Buffer]]>([
    ['another point', () => [P256, newKey(P256), spkiOf(newKey(P256))]],
    ['another curve', () => [P256, newKey(kind('ECDSA_SECP256K1', 256)), spkiOf(newKey(P256))]],
    ['another modulus', () => [RSA, rsa, spkiOf(newKey(RSA))]],
  ])('that is given %s as its public half is refused alike', async (_, given) => {
    const [spec, key, spki] = given();
    await expect(unwrap('refused', spec, wrap(key), spki)).rejects.toThrow(code('invalid_key_material'));
    expect(hsm.objects()).toBe(PAIR);
  });

  it('is not taken where a key is, nor under a wrapping key that is gone', async () => {
    const taken = await unwrap('there', RSA, wrap(rsa));
    await expect(unwrap('there', RSA, wrap(rsa))).rejects.toThrow(code('unavailable'));
    await expectSigns(engine, 'there', RSA, taken);
    await engine.discard(ref('there'));
    const under = ref('imp-2');
    const bytes = wrap(rsa);
    const gone = engine.unwrapKey(ref('refused'), RSA, { under, hash: HASH, bytes });
    await expect(gone).rejects.toThrow(code('unavailable'));
    expect(hsm.objects()).toBe(PAIR);
  });
});

describe('a token that takes no private key in clear', () => {
  it('is given it wrapped, where it opens that', async () => {
    const strict = open(resolve('test/harness/wrapped-only-token.mjs'));
    await strict.connect();
    for (const [id, spec] of [
      ['rsa', RSA],
      ['ec', P256],
    ] as const) {
      const key = spec === RSA ? rsa : newKey(spec);
      const taken = await strict.importKey(ref(id), spec, pkcs8Of(key));
      expect(taken).toMatchObject({ spki: spkiOf(key), evidence: { sensitive: true, extractable: false } });
      await expectSigns(strict, id, spec, taken);
      await strict.discard(ref(id));
    }
    const edwards = kind('Ed25519', 256);
    const refused = strict.importKey(ref('edwards'), edwards, pkcs8Of(newKey(edwards)));
    await expect(refused).rejects.toThrow(code('unsupported_by_engine'));
    expect(hsm.objects()).toBe(PAIR);
    await strict.close();
  });
});

describe('a wrapping key', () => {
  it('is on no list of keys, is not adopted, and is discarded by its name', async () => {
    const held = [];
    for await (const one of engine.inventory()) held.push(one);
    expect(held).toEqual([]);
    expect(await engine.find(UNDER)).toBeUndefined();
    const adopted = engine.adopt(ref('adopted'), objectIdOf(UNDER).toString('hex'));
    await expect(adopted).rejects.toThrow(code('unsupported_by_engine'));
    await engine.discard(UNDER);
    expect(hsm.objects()).toBe(0);
  });
});
