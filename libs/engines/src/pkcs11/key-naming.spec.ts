import { describe, expect, it } from 'vitest';
import { handleOf, labelOf, objectIdIn, objectIdOf, refOf } from './key-naming.js';

const ref = { tenantId: 'acme', keyId: 'key-1' };
const others = [
  { ...ref, keyId: 'key-2' },
  { ...ref, tenantId: 'other' },
  { tenantId: 'acm', keyId: 'ekey-1' },
];
const internal = expect.objectContaining({ code: 'internal' });

describe('names of keys on a token', () => {
  it('give each key of each tenant an id of its own, of one length', () => {
    const ids = [ref, ...others].map((one) => objectIdOf(one));
    expect(new Set(ids.map((id) => id.toString('hex'))).size).toBe(ids.length);
    for (const id of ids) expect(id).toHaveLength(32);
    expect(objectIdOf({ ...ref })).toEqual(ids[0]);
  });

  it('tell whose key it is by label and id together', () => {
    expect(refOf(labelOf(ref), objectIdOf(ref))).toEqual(ref);
    for (const other of others) expect(refOf(labelOf(ref), objectIdOf(other))).toBeUndefined();
    for (const label of ['', 'claviger/acme', 'claviger/acme/key-1/x', 'claviger/Acme/key-1']) {
      expect(refOf(label, objectIdOf(ref))).toBeUndefined();
    }
  });

  it('refuse a handle under another key or tenant, and one of which any bit was changed', () => {
    const objectId = Buffer.from('an id of somebody else');
    const handle = handleOf(ref, objectId);
    expect(objectIdIn(handle, ref)).toEqual(objectId);
    for (const other of others) expect(() => objectIdIn(handle, other)).toThrow(internal);
    for (let at = 0; at < handle.length; at += 1) {
      const changed = Buffer.from(handle);
      changed[at]! ^= 1;
      expect(() => objectIdIn(changed, ref)).toThrow(internal);
      expect(() => objectIdIn(handle.subarray(0, at), ref)).toThrow(internal);
    }
  });
});
