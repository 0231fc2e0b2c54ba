import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AppError, SecretBytes } from '#kernel';
import { kekVersionOf, openUnder, sealUnder, unwrapKey, wrapKey } from './envelope.js';
import { newSecretKey } from './random.js';
import type { SealBinding } from './sealer.js';

const binding: SealBinding = {
  tenantId: 'acme',
  purpose: 'private-key',
  objectId: 'key-1',
  version: 1,
  fingerprint: 'ff',
};

const { fingerprint: _, ...withoutFingerprint } = binding;

const OTHER_BINDINGS: [string, SealBinding][] = [
  ['tenant', { ...binding, tenantId: 'acme2' }],
  ['purpose', { ...binding, purpose: 'secret' }],
  ['object', { ...binding, objectId: 'key-2' }],
  ['version', { ...binding, version: 2 }],
  ['fingerprint', { ...binding, fingerprint: 'fe' }],
  ['absence of a fingerprint', withoutFingerprint],
  ['split of the same letters', { ...binding, tenantId: 'acmek', objectId: 'ey-1' }],
];

const secret = (text: string): SecretBytes => SecretBytes.take(Buffer.from(text));
const text = (opened: SecretBytes): string => opened.expose('test').toString();
const internal = expect.objectContaining({ code: 'internal' });

describe('an envelope', () => {
  const kek = newSecretKey();

  it('opens with the key and binding it was sealed with, for any bytes and key version', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(2 ** 32 - 1), (bytes, version) => {
        const sealed = sealUnder(kek, version, binding, SecretBytes.take(Buffer.from(bytes)));
        expect(kekVersionOf(sealed)).toBe(version);
        expect(openUnder(kek, binding, sealed).expose('test')).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it.each(OTHER_BINDINGS)('does not open with another %s', (_name, other) => {
    const sealed = sealUnder(kek, 1, binding, secret('s'));
    expect(() => openUnder(kek, other, sealed)).toThrow(internal);
  });

  it('does not open under another key', () => {
    expect(() => openUnder(newSecretKey(), binding, sealUnder(kek, 1, binding, secret('s')))).toThrow(
      internal,
    );
  });

  it('does not open with any bit changed, cut short or lengthened', () => {
    const sealed = sealUnder(kek, 1, binding, secret('s'));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openUnder(kek, binding, changed)).toThrow(internal);
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => openUnder(kek, binding, sealed.subarray(0, length))).toThrow(internal);
    }
    expect(() => openUnder(kek, binding, Buffer.concat([sealed, Buffer.of(0)]))).toThrow(internal);
  });

  it('tells nothing of what failed', () => {
    try {
      openUnder(kek, { ...binding, tenantId: 'x' }, sealUnder(kek, 1, binding, secret('s')));
      expect.unreachable();
    } catch (error) {
      expect((error as AppError).detail).toBe('Internal error');
    }
  });
});

describe('a wrapped key', () => {
  const root = newSecretKey();

  it('unwraps with its binding only', () => {
    const wrapped = wrapKey(root, binding, secret('k'));
    expect(text(unwrapKey(root, binding, wrapped))).toBe('k');
    for (const [, other] of OTHER_BINDINGS) expect(() => unwrapKey(root, other, wrapped)).toThrow(internal);
    expect(() => unwrapKey(newSecretKey(), binding, wrapped)).toThrow(internal);
  });

  it('is never taken for a part of an envelope', () => {
    const wrapped = sealUnder(root, 1, binding, secret('s')).subarray(5, 5 + 60);
    expect(() => unwrapKey(root, binding, wrapped)).toThrow(internal);
  });
});
