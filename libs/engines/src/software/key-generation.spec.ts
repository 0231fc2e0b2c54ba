import { describe, expect, it } from 'vitest';
import { KEY_SPECS, runtimeKeySpecs, type KeySpec } from '#crypto';
import { generateKey } from './key-generation.js';

const specOf = (algorithm: string, size: number): KeySpec =>
  KEY_SPECS.find((spec) => spec.algorithm === algorithm && spec.size === size)!;

const outcomes = async (tenantId: string, spec: KeySpec, count: number): Promise<string[]> => {
  const settled = await Promise.allSettled(Array.from({ length: count }, () => generateKey(tenantId, spec)));
  return settled.map((one) => (one.status === 'fulfilled' ? 'made' : (one.reason as { code: string }).code));
};

describe('generateKey', () => {
  it.each(runtimeKeySpecs().filter(({ keyType }) => keyType !== 'rsa'))(
    'keeps no tenant waiting for $algorithm $size, however many it asks for at once',
    async (spec) => {
      expect(await outcomes('acme', spec, 300)).toEqual(Array(300).fill('made'));
    },
  );

  it('makes RSA keys of one tenant in turns with those of the others', async () => {
    const done: string[] = [];
    const make = (tenantId: string): Promise<unknown> =>
      generateKey(tenantId, specOf('RSA', 2048)).then(() => done.push(tenantId));
    const greedy = Array.from({ length: 12 }, () => make('greedy'));
    await Promise.all([...greedy, make('late')]);
    // Two under way, one whose turn came first, and one beside it that may end sooner.
    expect(done.indexOf('late')).toBeLessThanOrEqual(6);
  });
});
