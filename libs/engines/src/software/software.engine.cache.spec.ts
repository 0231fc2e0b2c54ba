import { describe, expect, it } from 'vitest';
import { findKeySpec, findSignatureRow, fingerprintOf } from '#crypto';
import { MemorySealer } from '../conformance/memory-sealer.js';
import type { SignInput, StoredEngineKey } from '../engine.js';
import { SoftwareEngine } from './software.engine.js';

const spec = findKeySpec('Ed25519', undefined)!;
const ref = { tenantId: 'acme', keyId: 'key-1' };
const input: SignInput = { row: findSignatureRow('ED25519')!, type: 'raw', data: Buffer.from('m') };
const internal = expect.objectContaining({ code: 'internal' });

async function setUp(): Promise<{ engine: SoftwareEngine; sealer: MemorySealer; key: StoredEngineKey }> {
  const sealer = new MemorySealer();
  const engine = new SoftwareEngine('software', sealer);
  const made = await engine.generate(ref, spec);
  return { engine, sealer, key: { ...ref, ...made, spec, fingerprint: fingerprintOf(made.spki) } };
}

describe('the software engine', () => {
  it('unseals a key once for many signatures, and again after it was evicted or destroyed', async () => {
    const { engine, sealer, key } = await setUp();
    await Promise.all(Array.from({ length: 20 }, () => engine.sign(key, input)));
    expect(sealer.unsealed).toBe(1);
    engine.evict(ref);
    await engine.sign(key, input);
    expect(sealer.unsealed).toBe(2);
    await engine.destroy(key);
    await engine.sign(key, input);
    expect(sealer.unsealed).toBe(3);
  });

  it('does not sign with a key whose stored public half was exchanged, cached or not', async () => {
    const { engine, key } = await setUp();
    const { spki } = await engine.generate({ ...ref, keyId: 'key-2' }, spec);
    await expect(engine.sign({ ...key, spki }, input)).rejects.toThrow(internal);
    await engine.sign(key, input);
    await expect(engine.sign({ ...key, spki, fingerprint: fingerprintOf(spki) }, input)).rejects.toThrow(
      internal,
    );
  });

  it('does not sign with a handle of which any bit was changed', async () => {
    const { engine, key } = await setUp();
    for (let at = 0; at < key.handle.length; at += 7) {
      const handle = Buffer.from(key.handle);
      handle[at]! ^= 1;
      await expect(engine.sign({ ...key, handle }, input)).rejects.toThrow(internal);
    }
  });

  it('refuses bad input before it decrypts anything', async () => {
    const { engine, sealer, key } = await setUp();
    await expect(engine.sign(key, { ...input, data: Buffer.alloc(0) })).rejects.toThrow();
    expect(sealer.unsealed).toBe(0);
  });
});
