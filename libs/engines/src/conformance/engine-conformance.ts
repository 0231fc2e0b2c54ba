import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  KEY_SPECS,
  SIGNATURE_TABLE,
  fits,
  maxSaltLength,
  parseEcdsaDer,
  parsePublicKey,
  type KeySpec,
  type SignatureRow,
} from '#crypto';
import { SecretBytes } from '#kernel';
import {
  canImport,
  keepsKeys,
  type Engine,
  type EngineKeyRef,
  type SignInput,
  type StoredEngineKey,
} from '../engine.js';
import { shows } from './evidence.js';
import { describeKeeping } from './keeping-conformance.js';
import { cliKnows } from './openssl-cli.js';
import {
  TENANT,
  code,
  digestOf,
  expectSound,
  message,
  rowsOf,
  stored,
  verifiesWithNode,
} from './soundness.js';

/** A private key made outside of the engine. */
function foreignKey(spec: KeySpec): { pkcs8: SecretBytes; spki: Buffer } {
  const options = {
    modulusLength: spec.size,
    namedCurve: spec.namedCurve ?? '',
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  } as const;
  const { privateKey, publicKey } = generateKeyPairSync(spec.keyType as 'ec', options);
  return { pkcs8: SecretBytes.take(privateKey), spki: publicKey };
}

/** A key that the engine made, once its tests run, and who else judges what it signs. */
interface Subject {
  readonly engine: Engine;
  readonly spec: KeySpec;
  readonly key: () => StoredEngineKey;
  readonly judges: string;
}

function describeRow({ engine, spec, key, judges }: Subject, row: SignatureRow): void {
  it(`${row.name} over a message satisfies ${judges}`, shows(spec, [row], 'generate', 'raw'), () =>
    expectSound(engine, key(), { row, type: 'raw', data: message }),
  );

  it(`${row.name} refuses an empty message and digests of another length`, async () => {
    const sign = (type: 'raw' | 'digest', length: number): Promise<Buffer> =>
      engine.sign(key(), { row, type, data: Buffer.alloc(length, 1) });
    await expect(sign('raw', 0)).rejects.toThrow(code('validation_failed'));
    for (const length of [0, digestOf(row).length - 1, digestOf(row).length + 1]) {
      await expect(sign('digest', length)).rejects.toThrow(code('invalid_algorithm'));
    }
  });

  if (row.lowS) {
    it(`${row.name} always has low S`, async () => {
      const order = spec.order!;
      for (let i = 0; i < 16; i += 1) {
        const signature = await engine.sign(key(), { row, type: 'raw', data: Buffer.of(i) });
        expect(parseEcdsaDer(signature, order)!.s * 2n <= order).toBe(true);
      }
    });
  }
}

function describeDigest({ engine, spec, key, judges }: Subject, row: SignatureRow): void {
  const input: SignInput = { row, type: 'digest', data: digestOf(row) };
  if (!row.hash) {
    it(`${row.name} refuses every digest`, async () => {
      await expect(engine.sign(key(), input)).rejects.toThrow(code('invalid_algorithm'));
    });
  } else if (engine.describe().capabilities.includes('sign-digest')) {
    const title = `${row.name} over a digest, never hashed again, satisfies ${judges}`;
    it(title, shows(spec, [row], 'digest'), () => expectSound(engine, key(), input));
  } else {
    it(`${row.name} over a digest is refused, as the engine says of itself`, async () => {
      await expect(engine.sign(key(), input)).rejects.toThrow(code('unsupported_by_engine'));
    });
  }
}

function describeFixedSalt({ engine, spec, key }: Subject, row: SignatureRow): void {
  const title = `${row.name} takes the salt that is as long as the digest, and says that it takes no other`;
  it(title, shows(spec, [row], 'one salt'), async () => {
    const input: SignInput = { row, type: 'raw', data: message };
    await expectSound(engine, key(), { ...input, saltLength: digestOf(row).length });
    await expect(engine.sign(key(), { ...input, saltLength: 0 })).rejects.toThrow(
      code('unsupported_by_engine'),
    );
  });
}

function describeSalt({ engine, spec, key }: Subject, row: SignatureRow): void {
  const inputs: SignInput[] = [{ row, type: 'raw', data: message }];
  if (engine.describe().capabilities.includes('sign-digest')) {
    inputs.push({ row, type: 'digest', data: digestOf(row) });
  }
  it(`${row.name} takes every salt that fits, and no other`, shows(spec, [row], 'any salt'), async () => {
    const max = maxSaltLength(spec.size, row.hash!);
    for (const input of inputs) {
      for (const saltLength of [0, 20, max]) await expectSound(engine, key(), { ...input, saltLength });
      for (const saltLength of [-1, max + 1, 1.5]) {
        await expect(engine.sign(key(), { ...input, saltLength })).rejects.toThrow(code('invalid_algorithm'));
      }
    }
  });
}

function describeKey(engine: Engine, spec: KeySpec, index: number): void {
  const judges = cliKnows(spec)
    ? 'Node and the openssl command'
    : 'Node (the openssl command here does not know it)';
  const ref: EngineKeyRef = { tenantId: TENANT, keyId: `key-generated-${index}` };
  let key: StoredEngineKey;

  beforeAll(async () => {
    key = stored(ref, spec, await engine.generate(ref, spec));
  });

  it('has the public key of such a key, in its one encoding', () => {
    expect(parsePublicKey(key.spki)).toMatchObject({ spki: key.spki, spec, fingerprint: key.fingerprint });
  });

  const rows = rowsOf(spec).filter((row) => engine.offers(spec, row));
  const salts = engine.describe().capabilities.includes('pss-salt') ? describeSalt : describeFixedSalt;
  const subject: Subject = { engine, spec, key: () => key, judges };
  for (const row of rows) {
    describeRow(subject, row);
    describeDigest(subject, row);
    if (row.scheme === 'pss') salts(subject, row);
  }

  it('says of every other algorithm that fits that it cannot do it', async () => {
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rowsOf(spec).filter((one) => !rows.includes(one))) {
      const refused = engine.sign(key, { row, type: 'raw', data: message });
      await expect(refused).rejects.toThrow(code('unsupported_by_engine'));
    }
  });

  it('refuses every algorithm of other keys', async () => {
    for (const row of SIGNATURE_TABLE.filter((one) => !fits(one, spec))) {
      await expect(engine.sign(key, { row, type: 'raw', data: message })).rejects.toThrow(
        code('invalid_algorithm'),
      );
    }
  });

  it('never signs under the id of another key or tenant', async () => {
    const [row] = rows;
    const input: SignInput = { row: row!, type: 'raw', data: message };
    await expect(engine.sign({ ...key, keyId: 'key-other' }, input)).rejects.toThrow();
    await expect(engine.sign({ ...key, tenantId: 'other' }, input)).rejects.toThrow();
    await expectSound(engine, key, input);
  });

  if (canImport(engine) && engine.describe().importSpecs.includes(spec)) {
    it(`signs with a key made elsewhere, as ${judges} see it`, shows(spec, rows, 'import'), async () => {
      const foreign = foreignKey(spec);
      const importRef = { tenantId: TENANT, keyId: `key-imported-${index}` };
      const imported = stored(importRef, spec, await engine.importKey(importRef, spec, foreign.pkcs8));
      expect(imported.spki).toEqual(foreign.spki);
      expect(foreign.pkcs8.length).toBeGreaterThan(0);
      for (const row of rows) await expectSound(engine, imported, { row, type: 'raw', data: message });
      await engine.destroy(imported);
    });
  }

  it('is destroyed, and being destroyed again is no error', async () => {
    await engine.destroy(key);
    await engine.destroy(key);
    const [row] = rows;
    if (keepsKeys(engine)) {
      await expect(engine.sign(key, { row: row!, type: 'raw', data: message })).rejects.toThrow();
      expect(await engine.find(ref)).toBeUndefined();
    }
  });
}

/**
 * The contract of an engine, for every kind of key it offers and every algorithm that fits. A device's own
 * spec file supplies nothing but the connection.
 */
export function describeEngineConformance(name: string, connect: () => Engine | Promise<Engine>): void {
  describe(name, async () => {
    const engine = await connect();
    await engine.connect();
    const { keySpecs, importSpecs, capabilities } = engine.describe();
    afterAll(() => engine.close());

    it('describes itself', () => {
      expect(engine.describe().id).not.toBe('');
      expect(keySpecs.length).toBeGreaterThan(0);
      expect(KEY_SPECS).toEqual(expect.arrayContaining([...keySpecs]));
      expect(capabilities).toEqual(expect.arrayContaining(['generate', 'sign']));
      expect(capabilities.includes('import')).toBe(canImport(engine));
      expect(importSpecs.length > 0).toBe(canImport(engine));
      expect(KEY_SPECS).toEqual(expect.arrayContaining([...importSpecs]));
    });

    it('says that it is well', async () => {
      expect(await engine.health()).toMatchObject({ status: 'ok', latencyMs: expect.any(Number) });
    });

    it('refuses kinds of keys that it does not offer', async () => {
      const others = [...KEY_SPECS, { algorithm: 'RSA', size: 2304, keyType: 'rsa' } as const];
      for (const spec of others.filter((one) => !keySpecs.includes(one))) {
        const refused = engine.generate({ tenantId: TENANT, keyId: 'key-none' }, spec);
        await expect(refused).rejects.toThrow(code('unsupported_by_engine'));
      }
    });

    it('makes another key each time', async () => {
      const spec = keySpecs.find(({ keyType }) => keyType !== 'rsa')!;
      const refs = ['a', 'b'].map((keyId) => ({ tenantId: TENANT, keyId }));
      const made = await Promise.all(
        refs.map(async (ref) => stored(ref, spec, await engine.generate(ref, spec))),
      );
      expect(made[0]!.spki).not.toEqual(made[1]!.spki);
      for (const key of made) await engine.destroy(key);
    });

    it('signs for many at once, also while the key is evicted', async () => {
      const ref = { tenantId: TENANT, keyId: 'key-busy' };
      const spec = keySpecs.find((one) => one.algorithm === 'ECDSA') ?? keySpecs[0]!;
      const key = stored(ref, spec, await engine.generate(ref, spec));
      const [row] = rowsOf(spec).filter((one) => engine.offers(spec, one));
      const type = capabilities.includes('sign-digest') && row!.hash ? 'digest' : 'raw';
      const data = type === 'digest' ? digestOf(row!) : message;
      const signing = Array.from({ length: 200 }, (_, index) => {
        if (index % 20 === 0) engine.evict(ref);
        return engine.sign(key, { row: row!, type, data });
      });
      for (const signature of await Promise.all(signing))
        expect(verifiesWithNode(key, row!, signature)).toBe(true);
      await engine.destroy(key);
    });

    if (keepsKeys(engine)) describe('what it keeps', () => describeKeeping(engine));

    for (const [index, spec] of keySpecs.entries()) {
      describe(`a key of ${spec.algorithm} ${spec.size}`, () => describeKey(engine, spec, index));
    }
  });
}
