import { randomBytes } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { findKeySpec, findSignatureRow, hasNativeOpenSsl, type KeySpec, type SignatureRow } from '#crypto';
import type { FakeKey } from '../../../../test/fakes/aws-kms/fake-key.js';
import { TENANT, code, digestOf, expectSound, message, stored } from '../conformance/soundness.js';
import type { EngineKeyRef, StoredEngineKey } from '../engine.js';
import { engineOn, startFake } from './testing/fake-engine.js';

const fake = await startFake();
const engine = engineOn(fake);
afterAll(async () => {
  await engine.close();
  await fake.stop();
});
beforeEach(() => {
  fake.calls.length = 0;
});

const row = (name: string): SignatureRow => findSignatureRow(name)!;
const P256 = findKeySpec('ECDSA', 256)!;
const ED25519 = findKeySpec('Ed25519', 256)!;
let made = 0;
const newRef = (): EngineKeyRef => ({ tenantId: TENANT, keyId: `key-${(made += 1)}` });
const newKey = async (spec: KeySpec = P256, ref = newRef()): Promise<StoredEngineKey> =>
  stored(ref, spec, await engine.generate(ref, spec));
const arnOf = (key: StoredEngineKey): string => (JSON.parse(key.handle.toString()) as { arn: string }).arn;
const inAws = (key: StoredEngineKey): FakeKey => fake.account.key(arnOf(key));
const sign = (key: StoredEngineKey): Promise<Buffer> =>
  engine.sign(key, { row: row('ECDSA_SHA_256'), type: 'raw', data: message });

describe('what AWS is asked to sign', () => {
  it.each([
    ['RSA', 2048, 'RSASSA_PKCS1_V1_5_SHA_384'],
    ['RSA', 2048, 'RSASSA_PSS_SHA_512'],
    ['ECDSA', 521, 'ECDSA_SHA_512'],
    ['ECDSA_SECP256K1', 256, 'ECDSA_SECP256K1_SHA_256'],
  ] as const)(
    'is always a digest for %s %i, whatever the length of the message',
    async (algorithm, size, name) => {
      const key = await newKey(findKeySpec(algorithm, size)!);
      const type = hasNativeOpenSsl() ? 'digest' : 'raw';
      for (const length of [1, 4_097, 1_000_000]) {
        await engine.sign(key, { row: row(name), type: 'raw', data: randomBytes(length) });
      }
      await expectSound(engine, key, {
        row: row(name),
        type,
        data: type === 'raw' ? message : digestOf(row(name)),
      });
      const asked = fake.inputsOf('Sign');
      expect(asked.map(({ MessageType }) => MessageType)).toEqual(Array(4).fill('DIGEST'));
      expect(asked.map(({ KeyId }) => KeyId)).toEqual(Array(4).fill(arnOf(key)));
      expect(asked.at(-1)?.Message).toBe(digestOf(row(name)).toString('base64'));
    },
  );

  const ML_DSA = engine.describe().keySpecs.find(({ algorithm }) => algorithm === 'ML_DSA');
  // Beyond it is μ: signing-request.spec.ts.
  it.runIf(ML_DSA)('is the message for ML-DSA up to 4,096 bytes', async () => {
    const key = await newKey(ML_DSA!);
    const mlDsa = row(`ML_DSA_${ML_DSA!.size}`);
    await expectSound(engine, key, { row: mlDsa, type: 'raw', data: message });
    await engine.sign(key, { row: mlDsa, type: 'raw', data: randomBytes(4_096) });
    const types = fake.inputsOf('Sign').map(({ MessageType }) => MessageType);
    expect(types).toEqual(['RAW', 'RAW']);
  });

  it('is the message itself for Ed25519, up to 4,096 bytes; a longer one never leaves, and the reason is told', async () => {
    const key = await newKey(ED25519);
    await expectSound(engine, key, { row: row('ED25519'), type: 'raw', data: message });
    await engine.sign(key, { row: row('ED25519'), type: 'raw', data: randomBytes(4_096) });
    expect(fake.inputsOf('Sign')[0]).toMatchObject({
      MessageType: 'RAW',
      Message: message.toString('base64'),
    });
    const refused = engine.sign(key, { row: row('ED25519'), type: 'raw', data: randomBytes(4_097) });
    await expect(refused).rejects.toThrow(
      expect.objectContaining({
        code: 'unsupported_by_engine',
        detail: expect.stringMatching(/4096 bytes.*ED25519.*4097/),
      }),
    );
    expect(fake.inputsOf('Sign')).toHaveLength(2);
  });

  it('costs one call, and no listing', async () => {
    const key = await newKey();
    fake.calls.length = 0;
    await sign(key);
    expect(fake.calls.map(({ operation }) => operation)).toEqual(['Sign']);
  });
});

describe('a key of AWS KMS', () => {
  it('carries whose it is as tags, and a name for people as alias', async () => {
    const key = await newKey();
    expect(Object.fromEntries(inAws(key).tags)).toEqual({
      'claviger:tenant-id': TENANT,
      'claviger:key-id': key.keyId,
      'managed-by': 'claviger',
    });
    expect(fake.account.aliasesOf(inAws(key))).toEqual([`alias/claviger/${TENANT}/${key.keyId}`]);
  });

  it('is used by its ARN: an alias that was moved to another key changes nothing', async () => {
    const [key, other] = [await newKey(), await newKey()];
    fake.account.aliases.set(`alias/claviger/${TENANT}/${key.keyId}`, inAws(other).id);
    await sign(key);
    expect(fake.inputsOf('Sign').at(-1)?.KeyId).toBe(arnOf(key));
    expect((await engine.find(key))?.spki).toEqual(key.spki);
  });

  it('does not sign where its handle or its public key is another one', async () => {
    const [key, other] = [await newKey(), await newKey()];
    fake.calls.length = 0;
    await expect(sign({ ...key, handle: other.handle })).rejects.toThrow(code('internal'));
    await expect(sign({ ...key, handle: Buffer.from('{}') })).rejects.toThrow(code('internal'));
    await expect(sign({ ...key, handle: Buffer.from('not JSON') })).rejects.toThrow(code('internal'));
    expect(fake.calls).toEqual([]);
    const forged = Buffer.from(key.handle.toString().replace(arnOf(key), arnOf(other)));
    await expect(sign({ ...key, handle: forged })).rejects.toThrow(code('unavailable'));
  });

  it('is neither used nor taken for gone by an engine of another region', async () => {
    const key = await newKey();
    const elsewhere = engineOn(fake, { region: 'us-east-1' });
    fake.calls.length = 0;
    const input = { row: row('ECDSA_SHA_256'), type: 'raw', data: message } as const;
    await expect(elsewhere.sign(key, input)).rejects.toThrow(code('unavailable'));
    await expect(elsewhere.destroy(key)).rejects.toThrow(code('unavailable'));
    expect(fake.calls).toEqual([]);
    await elsewhere.close();
  });

  it.each([
    ['Disabled', 'key_state', /disabled/],
    ['PendingDeletion', 'key_state', /scheduled for deletion/],
    ['PendingImport', 'key_state', /no key material/],
  ] as const)('says that it is %s', async (state, expected, detail) => {
    const key = await newKey();
    inAws(key).state = state;
    await expect(sign(key)).rejects.toThrow(
      expect.objectContaining({ code: expected, detail: expect.stringMatching(detail) }),
    );
  });

  it('is stopped at once when it is destroyed, goes after the days configured, and loses its alias', async () => {
    const patient = engineOn(fake, { deletion_window_days: 30 });
    const ref = newRef();
    const key = stored(ref, P256, await patient.generate(ref, P256));
    const held = inAws(key);
    await patient.destroy(key);
    await patient.destroy(key);
    expect(held.state).toBe('PendingDeletion');
    expect(fake.inputsOf('DisableKey')).toEqual([{ KeyId: arnOf(key) }]);
    expect(fake.inputsOf('ScheduleKeyDeletion')).toEqual([{ KeyId: arnOf(key), PendingWindowInDays: 30 }]);
    expect(fake.account.aliasesOf(held)).toEqual([]);
    await expect(sign(key)).rejects.toThrow(code('key_state'));
    await patient.close();
  });

  it('is destroyed also where somebody disabled it, scheduled its deletion, or took it away altogether', async () => {
    const [disabled, leaving, gone] = [await newKey(), await newKey(), await newKey()];
    inAws(disabled).state = 'Disabled';
    inAws(leaving).state = 'PendingDeletion';
    inAws(gone).deletionMs = 0;
    for (const key of [disabled, leaving, gone]) await engine.destroy(key);
    expect(inAws(disabled).state).toBe('PendingDeletion');
    expect(await engine.find(leaving)).toBeUndefined();
    await expect(sign(gone)).rejects.toThrow(code('key_state'));
  });
});

describe('keys that were not made here', () => {
  const strangerOf = async (): Promise<FakeKey> => {
    const key = await newKey();
    const held = inAws(key);
    held.tags.clear();
    fake.account.aliases.delete(`alias/claviger/${TENANT}/${key.keyId}`);
    return held;
  };

  it('are adopted by id or ARN, untouched: discarding the reference leaves them alone', async () => {
    const held = await strangerOf();
    for (const objectId of [held.id, held.arn]) {
      const ref = newRef();
      const adopted = await engine.adopt(ref, objectId);
      expect(adopted.spec).toBe(P256);
      await sign(stored(ref, P256, adopted));
      await engine.discard(ref);
    }
    expect(held.state).toBe('Enabled');
    expect(held.tags.size).toBe(0);
  });

  it('are not adopted for a tenant where Claviger made them for another', async () => {
    const held = inAws(await newKey());
    await expect(engine.adopt({ ...newRef(), tenantId: 'other' }, held.id)).rejects.toThrow(
      code('not_found'),
    );
  });

  it('are not adopted by an alias, unknown, leaving or of another kind', async () => {
    const held = await strangerOf();
    fake.account.aliases.set('alias/theirs', held.id);
    const unknown = held.arn.replace(/[^/]+$/, '00000000-0000-4000-8000-000000000000');
    for (const objectId of ['alias/theirs', `${fake.account.arnPrefix}alias/theirs`, '', 'none', unknown]) {
      await expect(engine.adopt(newRef(), objectId)).rejects.toThrow(code('not_found'));
    }
    held.state = 'Disabled';
    await expect(engine.adopt(newRef(), held.arn)).rejects.toThrow(code('key_state'));
    held.state = 'PendingDeletion';
    await expect(engine.adopt(newRef(), held.arn)).rejects.toThrow(code('not_found'));
  });

  it('are not found or discarded because of an alias that looks like ours', async () => {
    const [held, ref] = [await strangerOf(), newRef()];
    fake.account.aliases.set(`alias/claviger/${ref.tenantId}/${ref.keyId}`, held.id);
    expect(await engine.find(ref)).toBeUndefined();
    await engine.discard(ref);
    expect(held.state).toBe('Enabled');
  });

  it('are in the inventory with their alias as label, as are those of another installation, without a reference', async () => {
    const [held, ref] = [await strangerOf(), newRef()];
    fake.account.aliases.set('alias/theirs-2', held.id);
    const others = engineOn(fake, { alias_prefix: 'staging/eu' });
    await others.generate(ref, P256);
    const labels = new Map<string, EngineKeyRef | undefined>();
    for await (const one of engine.inventory()) labels.set(one.label, one.ref);
    expect(labels.get('alias/theirs-2')).toBeUndefined();
    expect(labels.has('alias/theirs-2')).toBe(true);
    expect(labels.has(`alias/staging/eu/${TENANT}/${ref.keyId}`)).toBe(true);
    expect(labels.get(`alias/staging/eu/${TENANT}/${ref.keyId}`)).toBeUndefined();
    expect(await engine.find(ref)).toBeUndefined();
    expect(await others.find(ref)).toBeDefined();
    await others.close();
  });

  it('are paged through: an account may have more than one page holds', async () => {
    const before = fake.account.keys().length;
    await Promise.all(Array.from({ length: 120 }, () => newKey(ED25519)));
    let seen = 0;
    for await (const { ref } of engine.inventory()) seen += ref ? 1 : 0;
    expect(fake.inputsOf('ListKeys').length).toBeGreaterThan(1);
    expect(seen).toBeGreaterThanOrEqual(120);
    expect(seen).toBeLessThanOrEqual(before + 120);
  });
});
