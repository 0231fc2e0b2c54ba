import { constants, createPublicKey, verify, type VerifyKeyObjectInput } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findKeySpec, findSignatureRow, INLINE_BYTES, type KeyAlgorithm } from '#crypto';
import { MemorySealer } from '../conformance/memory-sealer.js';
import { stored, TENANT } from '../conformance/soundness.js';
import { SoftwareEngine } from './software.engine.js';

const ref = { tenantId: TENANT, keyId: 'key-1' };
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const pss = (saltLength: number): Partial<VerifyKeyObjectInput> => ({
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength,
});

describe('messages up to the length that is hashed at once, and longer ones', () => {
  it.each<[string, KeyAlgorithm, number | undefined, Partial<VerifyKeyObjectInput>, number?]>([
    ['RSASSA_PKCS1_V1_5_SHA_256', 'RSA', 2048, PKCS1],
    ['RSASSA_PSS_SHA_256', 'RSA', 2048, pss(32)],
    ['RSASSA_PSS_SHA_256', 'RSA', 2048, pss(20), 20],
    ['ECDSA_SHA_256', 'ECDSA', 256, {}],
    ['ECDSA_SHA_384', 'ECDSA', 384, {}],
    ['ED25519', 'Ed25519', undefined, {}],
  ])('are signed alike by %s', async (name, algorithm, size, options, saltLength) => {
    const engine = new SoftwareEngine('software', new MemorySealer());
    const spec = findKeySpec(algorithm, size)!;
    const row = findSignatureRow(name)!;
    const made = stored(ref, spec, await engine.generate(ref, spec));
    const key = { ...options, key: createPublicKey({ key: made.spki, format: 'der', type: 'spki' }) };
    for (const length of [1, INLINE_BYTES, INLINE_BYTES + 1]) {
      const data = Buffer.alloc(length, 'long');
      const signature = await engine.sign(made, { row, type: 'raw', data, saltLength });
      expect(verify(row.hash ?? null, data, key, signature)).toBe(true);
      expect(verify(row.hash ?? null, Buffer.alloc(length, 'other'), key, signature)).toBe(false);
    }
  });
});
