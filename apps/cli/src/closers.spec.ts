import { describe, expect, it } from 'vitest';
import { Closers } from './closers.js';

describe('Closers', () => {
  it('closes the newest first, each once, and goes on after one that cannot be closed', async () => {
    const closed: string[] = [];
    const failed: unknown[] = [];
    const closers = new Closers((error) => failed.push(error));
    closers.defer(async () => void closed.push('server'));
    closers.defer(async () => {
      closed.push('pool');
      throw new Error('stuck');
    });
    closers.defer(async () => void closed.push('log'));
    await Promise.all([closers.closeAll(), closers.closeAll()]);
    await closers.closeAll();
    expect(closed).toEqual(['log', 'pool', 'server']);
    expect(failed).toEqual([new Error('stuck')]);
  });

  it('waits for one before it closes what that stands on', async () => {
    const order: string[] = [];
    const closers = new Closers(() => undefined);
    closers.defer(async () => void order.push('server closed'));
    closers.defer(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push('pool closed');
    });
    await Promise.all([closers.closeAll(), closers.closeAll()]);
    expect(order).toEqual(['pool closed', 'server closed']);
  });
});
