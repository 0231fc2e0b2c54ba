import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppendBatch, type PendingRecord } from './append-batch.js';
import type { AppendedTenant } from './audit-sql.js';

let made = 0;
const record = (tenantId: string, gateKeyId?: string): PendingRecord => ({
  tenantId,
  gateKeyId,
  body: JSON.stringify({ n: (made += 1), key_id: gateKeyId ?? null }),
  answer: undefined,
  deadline: 0,
  settle: () => undefined,
  fail: () => undefined,
});

const done = (more: Partial<AppendedTenant> = {}): AppendedTenant => ({
  seq: '7',
  hash: Buffer.alloc(32),
  refused: [],
  deferred: false,
  ...more,
});

describe('a batch of audit records', () => {
  it('goes by tenant in byte order, free records before gated ones, those of a key together and in their order', () => {
    const [b1, a1, b2, free, b3] = [
      record('b', 'key-2'),
      record('a', 'key-1'),
      record('b', 'key-1'),
      record('b'),
      record('b', 'key-2'),
    ];
    const platform = record('_platform');
    const batch = new AppendBatch([b1, a1, b2, free, b3, platform]);
    const [tenants, frees, gated, bodies] = batch.parameters;
    expect([tenants, frees, gated]).toEqual([
      ['_platform', 'a', 'b'],
      [1, 0, 1],
      [0, 1, 3],
    ]);
    expect(bodies).toBe(`[${[platform, a1, free, b2, b1, b3].map(({ body }) => body).join(',')}]`);
  });

  it('finds the refused by their place in the whole batch', () => {
    const [a1, a2, b1, b2] = [record('a', 'k'), record('a', 'k'), record('b', 'k'), record('b', 'k')];
    const [a, b] = new AppendBatch([b1, a1, b2, a2]).outcomes([
      done({ refused: [2] }),
      done({ refused: [3] }),
    ]);
    expect([a?.appended, a?.refused, b?.appended, b?.refused]).toEqual([[a1], [a2], [b2], [b1]]);
  });

  it('takes the gated records of a deferred tenant for untried, and its free ones for appended', () => {
    const [free, gated, other] = [record('a'), record('a', 'k'), record('b', 'k')];
    const [a, b] = new AppendBatch([free, gated, other]).outcomes([
      done({ deferred: true }),
      done({ refused: [3] }),
    ]);
    expect([a?.appended, a?.refused, a?.deferred]).toEqual([[free], [], [gated]]);
    expect(b?.refused).toEqual([other]);
  });

  it('gives every record exactly one outcome, whatever was answered', () => {
    const records = fc.array(
      fc.tuple(
        fc.constantFrom('a', 'b', 'c', '_platform'),
        fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }),
      ),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(records, fc.array(fc.boolean()), fc.array(fc.nat(20)), (drawn, deferred, refused) => {
        const all = drawn.map(([tenant, key]) => record(tenant, key));
        const batch = new AppendBatch(all);
        const rows = batch.parameters[0].map((_, index) =>
          done({ deferred: deferred[index] ?? false, refused }),
        );
        const told = batch
          .outcomes(rows)
          .flatMap((one) => [...one.appended, ...one.refused, ...one.deferred]);
        expect(told).toHaveLength(all.length);
        expect(new Set(told)).toEqual(new Set(all));
      }),
    );
  });

  it('does not guess where a tenant is missing in the answer', () => {
    expect(() => new AppendBatch([record('a'), record('b')]).outcomes([done()])).toThrow(/left out a tenant/);
  });
});
