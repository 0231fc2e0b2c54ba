import { generateKeyPairSync } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKeySpec, findSignatureRow } from '#crypto';
import { SecretBytes } from '#kernel';
import { SoftHsm } from '../../../../test/harness/softhsm.js';
import { expectSound, stored } from '../conformance/soundness.js';
import type { HeldKey, SignInput, StoredEngineKey } from '../engine.js';
import type { Pkcs11Engine } from './pkcs11.engine.js';

const hsm = new SoftHsm().addToken('keys');
const open = (): Pkcs11Engine => hsm.driver().open(hsm.input('keys', { sessions: 2 })) as Pkcs11Engine;
const engine = open();
beforeAll(() => engine.connect());
afterAll(async () => {
  await engine.close();
  hsm.remove();
});

const spec = findKeySpec('ECDSA', 256)!;
const input: SignInput = {
  row: findSignatureRow('ECDSA_SHA_256')!,
  type: 'raw',
  data: Buffer.from('what is signed'),
};
const code = (expected: string): unknown => expect.objectContaining({ code: expected });
const ref = (keyId: string, tenantId = 'acme'): { keyId: string; tenantId: string } => ({ keyId, tenantId });

async function made(keyId: string): Promise<StoredEngineKey> {
  return stored(ref(keyId), spec, await engine.generate(ref(keyId), spec));
}

async function held(): Promise<HeldKey[]> {
  const keys = [];
  for await (const one of engine.inventory()) keys.push(one);
  return keys;
}

/** Puts a key on the token with the vendor's own tool. */
function putForeign(id: string): Buffer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  const file = join(hsm.folder, `${id}.pem`);
  writeFileSync(file, privateKey);
  const args = ['--import', file, '--token', 'keys', '--label', 'of others', '--id', id, '--pin', hsm.pin];
  execFileSync('softhsm2-util', args, { env: { ...process.env, ...hsm.environment } });
  return publicKey;
}

describe('keys on a token', () => {
  it('are guarded, as the token itself says', async () => {
    const { evidence } = await engine.generate(ref('guarded'), spec);
    expect(evidence).toEqual({
      sensitive: true,
      extractable: false,
      always_sensitive: true,
      never_extractable: true,
      local: true,
    });
  });

  it('are guarded from then on when they came from elsewhere, and the token says that they did', async () => {
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
      publicKeyEncoding: { type: 'spki', format: 'der' },
    });
    const pkcs8 = SecretBytes.take(Buffer.from(privateKey));
    const { evidence } = await engine.importKey(ref('imported'), spec, pkcs8);
    expect(evidence).toMatchObject({
      sensitive: true,
      extractable: false,
      never_extractable: false,
      local: false,
    });
    // It stays the caller's, whole.
    expect(pkcs8.expose('compare in a test')).toEqual(privateKey);
    await expect(engine.importKey(ref('imported'), spec, pkcs8)).rejects.toThrow(code('unavailable'));
  });

  it('of Ed25519 sign messages of up to 64 KiB, which the token gets whole', async () => {
    const edwards = findKeySpec('Ed25519', 256)!;
    const key = stored(ref('edwards'), edwards, await engine.generate(ref('edwards'), edwards));
    const row = findSignatureRow('ED25519')!;
    const sign = (length: number): Promise<Buffer> =>
      engine.sign(key, { row, type: 'raw', data: Buffer.alloc(length, 1) });
    expect(await sign(65_536)).toHaveLength(64);
    await expect(sign(65_537)).rejects.toThrow(code('unsupported_by_engine'));
  });

  it('are destroyed with both halves, and of others none', async () => {
    const [before, kept] = [(await held()).length, await made('kept')];
    const key = await made('short');
    await engine.destroy(key);
    expect(await held()).toHaveLength(before + 1);
    const again = await made('short');
    expect(again.spki).not.toEqual(key.spki);
    await expectSound(engine, again, input);
    await expectSound(engine, kept, input);
    await expect(engine.sign({ ...key, handle: again.handle }, input)).rejects.toThrow(code('unavailable'));
    await expectSound(engine, again, input);
  });

  it('sign also after another process destroyed one and made it anew', async () => {
    const beside = open();
    const first = await made('anew');
    await expectSound(engine, first, input);
    await beside.discard(first);
    const second = stored(first, spec, await beside.generate(first, spec));
    await expectSound(engine, second, input);
    await beside.close();
  });

  it('made by others are listed, adopted, used and destroyed', async () => {
    const spki = putForeign('a1b2');
    expect(await held()).toContainEqual({ objectId: 'a1b2', ref: undefined, label: 'of others', spec });
    const adopted = await engine.adopt(ref('adopted'), 'a1b2');
    expect(adopted).toMatchObject({ spki, spec });
    const key = stored(ref('adopted'), spec, adopted);
    await expectSound(engine, key, input);
    await expect(engine.sign({ ...key, keyId: 'other' }, input)).rejects.toThrow(code('internal'));
    await engine.destroy(key);
    await expect(engine.adopt(ref('adopted'), 'a1b2')).rejects.toThrow(code('not_found'));
  });

  it('made by Claviger for one tenant are not there for another to adopt', async () => {
    await made('mine');
    const { objectId } = (await held()).find((one) => one.ref?.keyId === 'mine')!;
    const refused = engine.adopt(ref('taken', 'other'), objectId);
    const unknown = engine.adopt(ref('taken', 'other'), 'ff'.repeat(32));
    const said = await Promise.all([refused, unknown].map((one) => one.catch((error: unknown) => error)));
    expect(said[0]).toEqual(code('not_found'));
    expect(said[0]).toEqual(said[1]);
  });

  it('that share an id are not adopted', async () => {
    putForeign('c0de');
    execFileSync(
      'softhsm2-util',
      [
        '--import',
        join(hsm.folder, 'c0de.pem'),
        '--token',
        'keys',
        '--label',
        'twin',
        '--id',
        'c0de',
        '--pin',
        hsm.pin,
        '--force',
      ],
      { env: { ...process.env, ...hsm.environment } },
    );
    await expect(engine.adopt(ref('twin'), 'c0de')).rejects.toThrow(code('unsupported_by_engine'));
  });

  it.each(['', 'A1B2', 'a1b', 'zz', '../a1', 'a1'.repeat(256)])(
    'have no such id as "%s"',
    async (objectId) => {
      await expect(engine.adopt(ref('none'), objectId)).rejects.toThrow(code('not_found'));
    },
  );

  it('sign while others are made, which takes seconds: signs wait for no generation', async () => {
    const key = await made('quick');
    const rsa = findKeySpec('RSA', 3072)!;
    const done: string[] = [];
    const note = (what: string) => (): void => void done.push(what);
    const making = ['g1', 'g2', 'g3'].map((id) => engine.generate(ref(id), rsa).then(note('made')));
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 5);
    const signing = Array.from({ length: 100 }, () => engine.sign(key, input).then(note('signed')));
    await Promise.all(signing);
    expect(done.filter((what) => what === 'made').length).toBeLessThan(3);
    await Promise.all(making);
    clearInterval(turning);
    // The event loop went on turning here, whatever the token calculated.
    expect(turns).toBeGreaterThan(10);
  });
});
