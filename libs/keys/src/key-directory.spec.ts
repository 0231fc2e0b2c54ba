import { describe, expect, it } from 'vitest';
import type { Database } from '#database';
import { PERMISSIONS, type RequestContext } from '#kernel';
import { KeyDirectory } from './key-directory.js';
import { KeyEntity } from './key.entity.js';

const ctx = (narrowing?: RequestContext['principal']['narrowing']): RequestContext => ({
  tenantId: 'acme',
  requestId: 'r',
  principal: { issuer: 'i', subject: 's', tenantId: 'acme', permissions: new Set(PERMISSIONS), narrowing },
});

const key = Object.assign(new KeyEntity(), {
  tenantId: 'acme',
  keyId: 'key-1',
  aliases: ['prod'],
  tags: ['t'],
});

/** A database whose transactions end when the test says so. */
class HeldDatabase {
  readonly reads: ((value: unknown) => void)[] = [];
  transaction(): Promise<unknown> {
    return new Promise((resolve) => this.reads.push(resolve));
  }
}

const directoryOver = (held: HeldDatabase): KeyDirectory => new KeyDirectory(held as unknown as Database);

describe('KeyDirectory', () => {
  it('reads once for callers that ask at the same time', async () => {
    const held = new HeldDatabase();
    const directory = directoryOver(held);
    const both = Promise.all([directory.get(ctx(), 'key-1'), directory.get(ctx(), 'key-1')]);
    held.reads[0]!({ key, target: undefined });
    await both;
    await directory.get(ctx(), 'key-1');
    expect(held.reads).toHaveLength(1);
  });

  it('drops a fill that raced an eviction', async () => {
    const held = new HeldDatabase();
    const directory = directoryOver(held);
    const first = directory.get(ctx(), 'prod');
    directory.evict('acme', 'key-1');
    held.reads[0]!({ key, target: undefined });
    await first;
    void directory.get(ctx(), 'prod');
    expect(held.reads).toHaveLength(2);
  });

  it('forgets a key under every name it was found by', async () => {
    const held = new HeldDatabase();
    const directory = directoryOver(held);
    for (const ref of ['key-1', 'prod']) {
      const found = directory.get(ctx(), ref);
      held.reads.at(-1)!({ key, target: undefined });
      await found;
    }
    directory.evict('acme', 'key-1');
    void directory.get(ctx(), 'key-1');
    void directory.get(ctx(), 'prod');
    expect(held.reads).toHaveLength(4);
  });

  it('hides a cached key from a token that is narrowed to others', async () => {
    const held = new HeldDatabase();
    const directory = directoryOver(held);
    const seen = directory.get(ctx(), 'key-1');
    held.reads[0]!({ key, target: undefined });
    await seen;
    const narrowed = ctx({ keys: ['key-2'], aliases: [], tags: [] });
    await expect(directory.get(narrowed, 'key-1')).rejects.toMatchObject({ code: 'not_found' });
    await expect(
      directory.get(ctx({ keys: [], aliases: ['prod'], tags: [] }), 'key-1'),
    ).resolves.toBeDefined();
  });

  it('remembers neither failures nor keys that do not exist', async () => {
    const held = new HeldDatabase();
    const directory = directoryOver(held);
    for (let i = 0; i < 2; i += 1) {
      const missing = directory.get(ctx(), 'nothing');
      held.reads.at(-1)!(undefined);
      await expect(missing).rejects.toMatchObject({ code: 'not_found' });
    }
    expect(held.reads).toHaveLength(2);
  });
});
