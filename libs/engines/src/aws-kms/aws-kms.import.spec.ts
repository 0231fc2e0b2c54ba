import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findKeySpec, type KeySpec } from '#crypto';
import { SecretBytes } from '#kernel';
import type { AwsKmsFake } from '../../../../test/fakes/aws-kms/aws-kms-fake.js';
import type { Fault } from '../../../../test/fakes/aws-kms/fault-plan.js';
import { TENANT, code, stored } from '../conformance/soundness.js';
import type { EngineKey } from '../engine.js';
import type { AwsKmsEngine } from './aws-kms.engine.js';
import { prepareImports } from '../../../../test/fakes/aws-kms/import-operations.js';
import { engineOn, startFake } from './testing/fake-engine.js';

const P256 = findKeySpec('ECDSA', 256)!;
const ref = { tenantId: TENANT, keyId: 'key-1' };
const foreign = (namedCurve = 'P-256'): Buffer =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'der' });
const secret = (pkcs8 = foreign()): SecretBytes => SecretBytes.take(Buffer.from(pkcs8));

beforeAll(prepareImports);

let fake: AwsKmsFake;
let engine: AwsKmsEngine;
beforeEach(async () => {
  fake = await startFake();
  engine = engineOn(fake);
});
afterEach(async () => {
  await engine.close();
  await fake.stop();
});

const states = (): string[] => fake.account.keys().map(({ state }) => state);
const take = (tenantId = TENANT, keyId = 'key-1', spec: KeySpec = P256): Promise<EngineKey> =>
  engine.importKey({ tenantId, keyId }, spec, secret());
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'made',
    (error: unknown) => (error as { code: string }).code,
  );

describe('importing into AWS KMS', () => {
  it('wraps under a key of 4,096 bits, and the material never expires', async () => {
    const { evidence } = await take();
    expect(fake.inputsOf('GetParametersForImport')).toMatchObject([
      { WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256', WrappingKeySpec: 'RSA_4096' },
    ]);
    expect(fake.inputsOf('ImportKeyMaterial')).toMatchObject([
      { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' },
    ]);
    expect(evidence).toEqual({
      key_spec: 'ECC_NIST_P256',
      key_usage: 'SIGN_VERIFY',
      origin: 'EXTERNAL',
      key_manager: 'CUSTOMER',
      multi_region: false,
    });
    expect(states()).toEqual(['Enabled']);
  });

  it('leaves the private key whole, and the caller to wipe it', async () => {
    const [pkcs8, copy] = [foreign(), secret()];
    const key = SecretBytes.take(Buffer.from(pkcs8));
    await engine.importKey(ref, P256, key);
    expect(key.expose('test')).toEqual(pkcs8);
    copy.wipe();
  });

  it('is for RSA and curves of NIST and SEC only', async () => {
    for (const spec of [findKeySpec('Ed25519', 256)!, findKeySpec('ECDSA', 224)!]) {
      await expect(take(TENANT, 'key-1', spec)).rejects.toThrow(code('unsupported_by_engine'));
    }
    expect(fake.calls).toEqual([]);
  });

  it('keeps to the interval that AWS sets, however many come at once', async () => {
    const keys = ['1', '2', '3', '4', '5'].map((n) => outcome(take(TENANT, `key-${n}`)));
    expect(await Promise.all(keys)).toEqual(Array(5).fill('made'));
    expect(fake.inputsOf('GetParametersForImport')).toHaveLength(5);
  });

  it('lets few of one tenant wait, and another tenant take turns with them', async () => {
    const flood = Array.from({ length: 20 }, (_, n) => outcome(take('greedy', `key-${n}`)));
    const outcomes = [...(await Promise.all(flood)), await outcome(take('other', 'key-1'))];
    expect(outcomes.filter((one) => one === 'made')).toHaveLength(6);
    expect(outcomes.filter((one) => one === 'rate_limited')).toHaveLength(15);
    expect(states()).toHaveLength(6);
  });

  it.each<[string, string, Fault]>([
    [
      'GetParametersForImport was refused',
      'GetParametersForImport',
      { kind: 'refuse', code: 'AccessDeniedException' },
    ],
    ['the token had expired', 'ImportKeyMaterial', { kind: 'refuse', code: 'ExpiredImportTokenException' }],
    ['the answer to the import was lost', 'ImportKeyMaterial', { kind: 'drop' }],
    ['the public key could not be read', 'GetPublicKey', { kind: 'refuse', code: 'AccessDeniedException' }],
  ])('leaves nothing usable where %s', async (_, operation, fault) => {
    fake.faults.plan(operation, fault);
    await expect(take()).rejects.toThrow();
    expect(states()).toEqual(['PendingDeletion']);
    expect(fake.account.keys()[0]?.privateKey).toBeUndefined();
    expect(fake.inputsOf('ImportKeyMaterial').length).toBeLessThanOrEqual(1);
    expect(fake.account.aliases.size).toBe(0);
    expect(await engine.find(ref)).toBeUndefined();
  });

  it('leaves nothing where AWS does not hold the key that was meant', async () => {
    await expect(engine.importKey(ref, P256, secret(foreign('P-384')))).rejects.toThrow(code('internal'));
    expect(states()).toEqual(['PendingDeletion']);
  });

  it('that broke off is not found as a key, and is discarded', async () => {
    fake.faults.plan('CreateKey', { kind: 'drop' });
    await expect(take()).rejects.toThrow(code('unavailable'));
    expect(states()).toEqual(['PendingImport']);
    expect(await engine.find(ref)).toBeUndefined();
    await engine.discard(ref);
    expect(states()).toEqual(['PendingDeletion']);
  });

  it('is undone by destroying the material first, also of a key that is scheduled for deletion already', async () => {
    const [one, other] = [
      stored(ref, P256, await take()),
      stored({ ...ref, keyId: 'key-2' }, P256, await take(TENANT, 'key-2')),
    ];
    await engine.destroy(one);
    fake.account.keys()[1]!.state = 'PendingDeletion';
    await engine.destroy(other);
    await engine.destroy(other);
    expect(states()).toEqual(['PendingDeletion', 'PendingDeletion']);
    expect(fake.account.keys().map(({ privateKey }) => privateKey)).toEqual([undefined, undefined]);
  });
});
