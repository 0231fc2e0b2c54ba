import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#kernel';
import { narrowingDetail, narrowingOf } from './key-narrowing.js';

const ours = (members: Record<string, unknown>) => ({ type: 'claviger_keys', ...members });
const many = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`);

describe('narrowingOf', () => {
  it('narrows nothing without the claim, or with entries of other types only', () => {
    expect(narrowingOf(undefined)).toBeUndefined();
    expect(narrowingOf([])).toBeUndefined();
    expect(narrowingOf([{ type: 'payment', amount: 5 }])).toBeUndefined();
  });

  it('adds entries up and ignores those of other types', () => {
    const claim = [
      ours({ keys: ['key-1'] }),
      { type: 'payment', keys: ['key-3'] },
      ours({ aliases: ['ca/root'], tags: ['pki'] }),
      ours({ keys: ['key-2'], tags: [] }),
    ];
    expect(narrowingOf(claim)).toEqual({ keys: ['key-1', 'key-2'], aliases: ['ca/root'], tags: ['pki'] });
  });

  it.each([
    ['names nothing', ours({})],
    ['names nothing in any list', ours({ keys: [], aliases: [], tags: [] })],
    ['names with a number', ours({ keys: [7] })],
    ['names with text instead of a list', ours({ keys: 'key-1' })],
    ['names with null', ours({ keys: null, tags: ['pki'] })],
    ['has an empty name', ours({ tags: [''] })],
    ['has a name of 256 characters', ours({ tags: ['x'.repeat(256)] })],
    ['has U+0000 in a name', ours({ tags: ['a\u0000'] })],
    ['has an unpaired surrogate in a name', ours({ tags: ['a\ud800'] })],
    ['has a member that is not known', ours({ keys: ['key-1'], actions: ['sign'] })],
    ['has 101 names', ours({ keys: many(101) })],
  ])('refuses the token when an entry %s', (_, entry) => {
    expect(() => narrowingOf([ours({ keys: ['key-1'] }), entry])).toThrow(
      expect.objectContaining({
        code: 'invalid_token',
        detail: 'The authorization details of the token are malformed.',
      }),
    );
  });

  it.each([
    null,
    'claviger_keys',
    {},
    ours({ keys: ['key-1'] }),
    1,
    [null],
    ['claviger_keys'],
    [{}],
    [{ type: 1 }],
    [[]],
  ])('refuses the token when the claim is %j', (claim) => {
    expect(() => narrowingOf(claim)).toThrow(AppError);
  });

  it('takes 20 entries and 100 names in all, and not one more', () => {
    const entries = (count: number, each: number) =>
      Array.from({ length: count }, () => ours({ tags: many(each) }));
    expect(narrowingOf(entries(20, 5))?.tags).toHaveLength(100);
    expect(() => narrowingOf(entries(21, 1))).toThrow(AppError);
    expect(() => narrowingOf([...entries(19, 5), ours({ tags: many(6) })])).toThrow(AppError);
    expect(narrowingOf([ours({ tags: ['x'.repeat(255)] })])?.tags).toHaveLength(1);
  });

  it('never widens: whatever the claim is, the result is narrowed, or the token refused, when an entry is ours', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.jsonValue()), (members, others) => {
        const entry = ours(
          members !== null && typeof members === 'object' ? (members as Record<string, unknown>) : {},
        );
        try {
          const narrowing = narrowingOf([{ ...entry, type: 'claviger_keys' }, ...others]);
          expect(narrowing).toBeDefined();
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_token' });
        }
      }),
    );
  });

  it('reads back what narrowingDetail writes', () => {
    const narrowing = { keys: ['key-1'], aliases: ['a'], tags: ['t'] };
    expect(narrowingOf([narrowingDetail(narrowing)])).toEqual(narrowing);
  });
});
