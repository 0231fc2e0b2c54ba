import { constants, createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEcdsaDer, encodeEcdsaRaw, parseEcdsaDer } from './ecdsa-encoding.js';
import { runtimeKeySpecs } from './runtime-key-specs.js';
import { maxSaltLength } from './signature-input.js';
import { SIGNATURE_TABLE, findSignatureRow, fits, type SignatureRow } from './signature-table.js';
import { verifySignature, type VerifyInput } from './verify-signature.js';
import type { KeySpec } from './key-specs.js';

interface Pair {
  readonly spec: KeySpec;
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
}

const data = Buffer.from('message');
const specs = runtimeKeySpecs().filter((spec) => spec.algorithm !== 'RSA' || spec.size === 2048);
const pairs: readonly Pair[] = specs.map((spec) => {
  const options = { modulusLength: spec.size, namedCurve: spec.namedCurve } as { namedCurve: string };
  const { privateKey, publicKey } = generateKeyPairSync(spec.keyType as 'ec', options);
  return { spec, privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
});
const pairOf = (algorithm: string, size: number): Pair =>
  pairs.find(({ spec }) => spec.algorithm === algorithm && spec.size === size)!;
const row = (name: string): SignatureRow => findSignatureRow(name)!;

function signed(
  pair: Pair,
  { scheme, hash }: SignatureRow,
  saltLength = constants.RSA_PSS_SALTLEN_DIGEST,
): Buffer {
  const padding = { pss: constants.RSA_PKCS1_PSS_PADDING, pkcs1: constants.RSA_PKCS1_PADDING }[
    scheme as 'pss'
  ];
  return sign(hash ?? null, data, {
    key: pair.privateKey,
    ...(padding && { padding }),
    ...(scheme === 'pss' && { saltLength }),
  });
}

const cases = pairs.flatMap((pair) =>
  SIGNATURE_TABLE.filter((one) => fits(one, pair.spec)).map(
    (one) => [`${one.name} with ${pair.spec.algorithm} ${pair.spec.size}`, pair, one] as const,
  ),
);

describe.each(cases)('%s', (_, pair, one) => {
  const signature = signed(pair, one);
  const { spec, spki } = pair;
  const input: VerifyInput = { spki, spec, row: one, type: 'raw', data, signature };

  it('accepts the signature over the message, and no other message or key', async () => {
    expect(await verifySignature(input)).toBe(true);
    expect(await verifySignature({ ...input, data: Buffer.from('massage') })).toBe(false);
    const { publicKey } = generateKeyPairSync(
      spec.keyType as 'ec',
      { modulusLength: 2048, namedCurve: spec.namedCurve } as { namedCurve: string },
    );
    expect(await verifySignature({ ...input, spki: publicKey.export({ type: 'spki', format: 'der' }) })).toBe(
      false,
    );
  });

  it.runIf(one.hash)('accepts it over the digest, which is not hashed again', async () => {
    const digest = createHash(one.hash!).update(data).digest();
    expect(await verifySignature({ ...input, type: 'digest', data: digest })).toBe(true);
    digest[0]! ^= 1;
    expect(await verifySignature({ ...input, type: 'digest', data: digest })).toBe(false);
    expect(await verifySignature({ ...input, data: digest })).toBe(false);
  });

  it('answers false, and never throws, for whatever bytes come as signature', async () => {
    const mutated = fc
      .tuple(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, by]) => {
        const copy = Buffer.from(signature);
        copy[at]! ^= by;
        return copy;
      });
    const other = fc.uint8Array({ maxLength: signature.length + 8 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, other), async (bytes) => {
        for (const format of ['der', 'raw'] as const) {
          expect(await verifySignature({ ...input, signature: bytes, format })).toBe(false);
        }
        if (!one.hash) return;
        const digest = createHash(one.hash).update(data).digest();
        expect(await verifySignature({ ...input, type: 'digest', data: digest, signature: bytes })).toBe(
          false,
        );
      }),
      { numRuns: 20 },
    );
  });

  it('refuses an empty message and a digest of another length by 400', async () => {
    await expect(verifySignature({ ...input, data: Buffer.alloc(0) })).rejects.toMatchObject({
      code: 'validation_failed',
    });
    await expect(verifySignature({ ...input, type: 'digest', data: Buffer.alloc(31) })).rejects.toMatchObject(
      {
        code: 'invalid_algorithm',
      },
    );
  });
});

describe('strictness beyond OpenSSL', () => {
  it.each(['raw', 'jws'] as const)('reads ECDSA signatures as %s only when asked to', async (format) => {
    const pair = pairOf('ECDSA', 256);
    const der = signed(pair, row('ES256'));
    const raw = encodeEcdsaRaw(parseEcdsaDer(der, pair.spec.order!)!, pair.spec.order!);
    const input: VerifyInput = { ...pair, row: row('ES256'), type: 'raw', data, signature: raw };
    expect(await verifySignature({ ...input, format })).toBe(true);
    expect(await verifySignature(input)).toBe(false);
    expect(await verifySignature({ ...input, signature: der, format })).toBe(false);
  });

  it('takes both low and high S of secp256k1, but no S + order', async () => {
    const pair = pairOf('ECDSA_SECP256K1', 256);
    const order = pair.spec.order!;
    const { r, s } = parseEcdsaDer(signed(pair, row('ES256K')), order)!;
    const verdict = (value: bigint): Promise<boolean> =>
      verifySignature({
        ...pair,
        row: row('ES256K'),
        type: 'raw',
        data,
        signature: encodeEcdsaDer({ r, s: value }),
      });
    expect(await verdict(s)).toBe(true);
    expect(await verdict(order - s)).toBe(true);
    expect(await verdict(s + order)).toBe(false);
  });

  it('refuses Ed25519 signatures with S + L', async () => {
    const pair = pairOf('Ed25519', 256);
    const signature = signed(pair, row('ED25519'));
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order;
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(signature, 32);
    expect(await verifySignature({ ...pair, row: row('ED25519'), type: 'raw', data, signature })).toBe(false);
  });

  it('keeps a key that is restricted to one hash of RSASSA-PSS to it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa-pss', {
      modulusLength: 2048,
      hashAlgorithm: 'sha256',
      mgf1HashAlgorithm: 'sha256',
    });
    const pair: Pair = {
      spec: pairOf('RSA', 2048).spec,
      privateKey,
      spki: publicKey.export({ type: 'spki', format: 'der' }),
    };
    const signature = signed(pair, row('PS256'));
    const digest = createHash('sha256').update(data).digest();
    const input: VerifyInput = { ...pair, row: row('PS256'), type: 'raw', data, signature };
    expect(await verifySignature(input)).toBe(true);
    expect(await verifySignature({ ...input, type: 'digest', data: digest })).toBe(true);
    expect(await verifySignature({ ...input, row: row('RS256') })).toBe(false);
    expect(await verifySignature({ ...input, row: row('RS256'), type: 'digest', data: digest })).toBe(false);
    expect(await verifySignature({ ...input, row: row('PS384') })).toBe(false);
  });
});

describe('the salt of RSASSA-PSS', () => {
  const pair = pairOf('RSA', 2048);
  const digest = createHash('sha256').update(data).digest();
  const verdicts = async (salt: number, saltLength: VerifyInput['saltLength']): Promise<boolean[]> => {
    const signature = signed(pair, row('PS256'), salt);
    const asked = saltLength === undefined ? {} : { saltLength };
    const input: VerifyInput = { ...pair, row: row('PS256'), type: 'raw', data, signature, ...asked };
    return [await verifySignature(input), await verifySignature({ ...input, type: 'digest', data: digest })];
  };

  it.each<[number, VerifyInput['saltLength'], boolean]>([
    [32, undefined, true],
    [32, 'hash', true],
    [32, 'auto', true],
    [32, 32, true],
    [32, 20, false],
    [20, undefined, false],
    [20, 'hash', false],
    [20, 'auto', true],
    [20, 20, true],
    [0, 0, true],
    [0, undefined, false],
    [222, 222, true],
    [222, 'auto', true],
  ])('of %i bytes, with %s demanded, is answered %s', async (salt, demanded, expected) => {
    expect(await verdicts(salt, demanded)).toEqual([expected, expected]);
  });

  it.each([-1, 223, 1.5, Number.NaN])('is refused as %d by 400', async (saltLength) => {
    await expect(verdicts(32, saltLength)).rejects.toMatchObject({ code: 'invalid_algorithm' });
  });

  it('is refused where the algorithm has none', async () => {
    const input: VerifyInput = {
      ...pair,
      row: row('RS256'),
      type: 'raw',
      data,
      signature: Buffer.alloc(256),
      saltLength: 32,
    };
    await expect(verifySignature(input)).rejects.toMatchObject({ code: 'invalid_algorithm' });
    expect(await verifySignature({ ...input, saltLength: 'auto' })).toBe(false);
  });

  it('has room for what RFC 8017 says', () => {
    expect(maxSaltLength(2048, 'sha256')).toBe(222);
    expect(maxSaltLength(2049, 'sha256')).toBe(222);
    expect(maxSaltLength(2050, 'sha256')).toBe(223);
  });
});

it('refuses an algorithm that does not fit the key', async () => {
  const input: VerifyInput = {
    ...pairOf('ECDSA', 256),
    row: row('ED25519'),
    type: 'raw',
    data,
    signature: data,
  };
  await expect(verifySignature(input)).rejects.toMatchObject({ code: 'invalid_algorithm' });
});
