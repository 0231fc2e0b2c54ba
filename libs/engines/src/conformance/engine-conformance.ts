import { constants, createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  KEY_SPECS,
  SIGNATURE_TABLE,
  fingerprintOf,
  fits,
  maxSaltLength,
  parseEcdsaDer,
  parsePublicKey,
  verifySignature,
  type KeySpec,
  type SignatureRow,
} from '#crypto';
import { SecretBytes } from '#kernel';
import {
  canImport,
  type Engine,
  type EngineKey,
  type EngineKeyRef,
  type SignInput,
  type StoredEngineKey,
} from '../engine.js';
import { cliKnows, verifiesWithCli } from './openssl-cli.js';

const message = Buffer.from('what is signed');
const TENANT = 'acme';

const code = (expected: string) => expect.objectContaining({ code: expected });
const rowsOf = (spec: KeySpec): SignatureRow[] => SIGNATURE_TABLE.filter((row) => fits(row, spec));
const digestOf = (row: SignatureRow): Buffer =>
  createHash(row.hash ?? 'sha256')
    .update(message)
    .digest();
const stored = (ref: EngineKeyRef, spec: KeySpec, key: EngineKey): StoredEngineKey => ({
  ...ref,
  ...key,
  spec,
  fingerprint: fingerprintOf(key.spki),
});

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

/** What Node says of a signature over the message. A digest's signature is one over the message it is of. */
function verifiesWithNode(
  key: StoredEngineKey,
  row: SignatureRow,
  signature: Buffer,
  saltLength?: number,
): boolean {
  const publicKey = createPublicKey({ key: key.spki, format: 'der', type: 'spki' });
  const padding = row.scheme === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const options = row.scheme === 'pss' ? { saltLength: saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST } : {};
  const rsa = key.spec.keyType === 'rsa' ? { padding, ...options } : {};
  return verify(row.hash ?? null, message, { key: publicKey, ...rsa }, signature);
}

async function expectSound(engine: Engine, key: StoredEngineKey, input: SignInput): Promise<void> {
  const { row, type, data, saltLength } = input;
  const signature = await engine.sign(key, input);
  const { spki, spec } = key;
  expect(verifiesWithNode(key, row, signature, saltLength)).toBe(true);
  const salt = saltLength === undefined ? {} : { saltLength };
  expect(await verifySignature({ spki, spec, row, type, data, signature, ...salt })).toBe(true);
  if (!cliKnows(spec)) return;
  const verification = { spki, row, type, signature, ...salt };
  expect(verifiesWithCli({ ...verification, data })).toBe(true);
  const otherData = Buffer.from(data.map((byte) => byte ^ 1));
  expect(verifiesWithCli({ ...verification, data: otherData })).toBe(false);
}

function describeRow(engine: Engine, key: () => StoredEngineKey, row: SignatureRow, judges: string): void {
  it(`${row.name} over a message satisfies ${judges}`, () =>
    expectSound(engine, key(), { row, type: 'raw', data: message }));

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
      const order = key().spec.order!;
      for (let i = 0; i < 16; i += 1) {
        const signature = await engine.sign(key(), { row, type: 'raw', data: Buffer.of(i) });
        expect(parseEcdsaDer(signature, order)!.s * 2n <= order).toBe(true);
      }
    });
  }
}

function describeDigest(engine: Engine, key: () => StoredEngineKey, row: SignatureRow, judges: string): void {
  const input: SignInput = { row, type: 'digest', data: digestOf(row) };
  if (!row.hash) {
    it(`${row.name} refuses every digest`, async () => {
      await expect(engine.sign(key(), input)).rejects.toThrow(code('invalid_algorithm'));
    });
  } else if (engine.describe().capabilities.includes('sign-digest')) {
    it(`${row.name} over a digest, never hashed again, satisfies ${judges}`, () =>
      expectSound(engine, key(), input));
  } else {
    it(`${row.name} over a digest is refused, as the engine says of itself`, async () => {
      await expect(engine.sign(key(), input)).rejects.toThrow(code('unsupported_by_engine'));
    });
  }
}

function describeSalt(engine: Engine, key: () => StoredEngineKey, row: SignatureRow): void {
  const inputs: SignInput[] = [{ row, type: 'raw', data: message }];
  if (engine.describe().capabilities.includes('sign-digest')) {
    inputs.push({ row, type: 'digest', data: digestOf(row) });
  }
  it(`${row.name} takes every salt that fits, and no other`, async () => {
    const max = maxSaltLength(key().spec.size, row.hash!);
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

  for (const row of rowsOf(spec)) {
    describeRow(engine, () => key, row, judges);
    describeDigest(engine, () => key, row, judges);
    if (row.scheme === 'pss') describeSalt(engine, () => key, row);
  }

  it('refuses every algorithm of other keys', async () => {
    for (const row of SIGNATURE_TABLE.filter((one) => !fits(one, spec))) {
      await expect(engine.sign(key, { row, type: 'raw', data: message })).rejects.toThrow(
        code('invalid_algorithm'),
      );
    }
  });

  it('never signs under the id of another key or tenant', async () => {
    const [row] = rowsOf(spec);
    const input: SignInput = { row: row!, type: 'raw', data: message };
    await expect(engine.sign({ ...key, keyId: 'key-other' }, input)).rejects.toThrow();
    await expect(engine.sign({ ...key, tenantId: 'other' }, input)).rejects.toThrow();
    await expectSound(engine, key, input);
  });

  if (canImport(engine)) {
    it(`signs with a key made elsewhere, as ${judges} see it`, async () => {
      const foreign = foreignKey(spec);
      const importRef = { tenantId: TENANT, keyId: `key-imported-${index}` };
      const imported = stored(importRef, spec, await engine.importKey(importRef, spec, foreign.pkcs8));
      expect(imported.spki).toEqual(foreign.spki);
      expect(foreign.pkcs8.length).toBeGreaterThan(0);
      for (const row of rowsOf(spec))
        await expectSound(engine, imported, { row, type: 'raw', data: message });
      await engine.destroy(imported);
    });
  }

  it('is destroyed, and being destroyed again is no error', async () => {
    await engine.destroy(key);
    await engine.destroy(key);
  });
}

/**
 * The contract of an engine, for every kind of key it offers and every algorithm that fits. A device's own
 * spec file supplies nothing but the connection.
 */
export function describeEngineConformance(name: string, connect: () => Engine | Promise<Engine>): void {
  describe(name, async () => {
    const engine = await connect();
    const { keySpecs, capabilities } = engine.describe();

    it('describes itself', () => {
      expect(engine.describe().id).not.toBe('');
      expect(keySpecs.length).toBeGreaterThan(0);
      expect(KEY_SPECS).toEqual(expect.arrayContaining([...keySpecs]));
      expect(capabilities).toEqual(expect.arrayContaining(['generate', 'sign']));
      expect(capabilities.includes('import')).toBe(canImport(engine));
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
      const made = await Promise.all(
        ['a', 'b'].map((keyId) => engine.generate({ tenantId: TENANT, keyId }, spec)),
      );
      expect(made[0]!.spki).not.toEqual(made[1]!.spki);
    });

    it('signs for many at once, also while the key is evicted', async () => {
      const ref = { tenantId: TENANT, keyId: 'key-busy' };
      const spec = keySpecs.find((one) => one.algorithm === 'ECDSA') ?? keySpecs[0]!;
      const key = stored(ref, spec, await engine.generate(ref, spec));
      const [row] = rowsOf(spec);
      const type = capabilities.includes('sign-digest') && row!.hash ? 'digest' : 'raw';
      const data = type === 'digest' ? digestOf(row!) : message;
      const signing = Array.from({ length: 200 }, (_, index) => {
        if (index % 20 === 0) engine.evict(ref);
        return engine.sign(key, { row: row!, type, data });
      });
      for (const signature of await Promise.all(signing))
        expect(verifiesWithNode(key, row!, signature)).toBe(true);
    });

    for (const [index, spec] of keySpecs.entries()) {
      describe(`a key of ${spec.algorithm} ${spec.size}`, () => describeKey(engine, spec, index));
    }
  });
}
