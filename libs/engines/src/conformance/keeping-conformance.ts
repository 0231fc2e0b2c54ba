import { expect, it } from 'vitest';
import type { EngineKeyRef, HeldKey, KeepingEngine } from '../engine.js';
import { TENANT, code, expectSound, message, rowsOf, stored } from './soundness.js';

async function allOf(engine: KeepingEngine): Promise<HeldKey[]> {
  const held = [];
  for await (const one of engine.inventory()) held.push(one);
  return held;
}

/** What a crash between the device's work and our record of it leaves is found, used or done away with. */
export function describeKeeping(engine: KeepingEngine): void {
  const [spec] = engine.describe().keySpecs.filter(({ keyType }) => keyType !== 'rsa');
  const refs = ['key-left', 'key-unknown', 'key-foreign'].map((keyId) => ({ tenantId: TENANT, keyId }));
  const [left, unknown, taken] = refs as [EngineKeyRef, EngineKeyRef, EngineKeyRef];

  it('finds what it made by the reference it was made for, and nothing by another', async () => {
    const made = await engine.generate(left, spec!);
    expect((await engine.find(left))?.spki).toEqual(made.spki);
    expect(await engine.find(unknown)).toBeUndefined();
    expect(await engine.find({ ...left, tenantId: 'other' })).toBeUndefined();
    const held = await allOf(engine);
    expect(held.filter(({ ref }) => ref?.keyId === left.keyId && ref.tenantId === TENANT)).toEqual([
      expect.objectContaining({ spec }),
    ]);
  });

  it('signs with a key that lives there already, once it is adopted', async () => {
    const held = await allOf(engine);
    const { objectId } = held.find(({ ref }) => ref?.keyId === left.keyId)!;
    const adopted = await engine.adopt(taken, objectId);
    expect(adopted.spec).toBe(spec);
    // Whosever it is now, its handle names what the inventory names.
    expect(engine.heldAs({ ...taken, handle: adopted.handle })).toBe(objectId);
    expect(() => engine.heldAs({ ...left, handle: adopted.handle })).toThrow(code('internal'));
    const [row] = rowsOf(spec!).filter((one) => engine.offers(spec!, one));
    await expectSound(engine, stored(taken, spec!, adopted), { row: row!, type: 'raw', data: message });
    await expect(engine.adopt(taken, 'none')).rejects.toThrow(code('not_found'));
    const elsewhere = engine.adopt({ ...taken, tenantId: 'other' }, objectId);
    await expect(elsewhere, 'made for one tenant, adopted by another').rejects.toThrow(code('not_found'));
  });

  it('discards it, and discarding what is not there is no error', async () => {
    await engine.discard(left);
    expect(await engine.find(left)).toBeUndefined();
    await engine.discard(left);
    await engine.discard(unknown);
  });
}
