import { describe, expect, it } from 'vitest';
import { CallQueue, WAITING, roomOf } from './call-queue.js';
import type { Lane, QueuedCall } from './device-call.js';

const call = (lane: Lane, tenantId: string, deadline = Infinity): QueuedCall => ({
  lane,
  tenantId,
  operation: 'check',
  args: {},
  timeoutMs: 1,
  deadline,
  resolve: () => undefined,
  reject: () => undefined,
});

const refused = (code: string): unknown => expect.objectContaining({ code, retryAfterS: 2 });

function queueOf(sessions: number, ...calls: QueuedCall[]): CallQueue {
  const queue = new CallQueue();
  queue.room = roomOf(sessions);
  for (const one of calls) queue.add(one);
  return queue;
}

const drawn = (queue: CallQueue): QueuedCall[] => {
  const calls = [];
  for (let next = queue.next(); next; next = queue.next()) calls.push(next);
  return calls;
};

describe('CallQueue', () => {
  it('lets signs go before slow work that came first, where there is one session', () => {
    const [generation, ...signs] = [call('slow', 'a'), call('sign', 'a'), call('sign', 'a')];
    const queue = queueOf(1, generation!, ...signs);
    for (const expected of [...signs, generation]) {
      const next = queue.next()!;
      expect(next).toBe(expected);
      expect(queue.next()).toBeUndefined();
      queue.done(next);
    }
  });

  it.each([
    [2, 1, 1],
    [2, 16, 1],
    [3, 2, 2],
    [8, 4, 4],
    [64, 1, 1],
  ])('of %i sessions gives %i to changes, as far as one is left to signs', (sessions, changes, expected) => {
    const many = Array.from({ length: 300 }, (_, index) => call(index % 2 ? 'sign' : 'slow', 'a'));
    const queue = queueOf(sessions, ...many);
    queue.room = roomOf(sessions, changes);
    const running = drawn(queue);
    const slow = running.filter(({ lane }) => lane === 'slow').length;
    expect(slow).toBe(expected);
    expect(running.length).toBeGreaterThan(slow);
  });

  it('lets tenants take turns, however many calls one of them has waiting', () => {
    const greedy = Array.from({ length: 10 }, () => call('sign', 'greedy'));
    const queue = queueOf(1, ...greedy, call('sign', 'late'));
    const order: string[] = [];
    for (let next = queue.next(); next; next = queue.next()) {
      order.push(next.tenantId);
      queue.done(next);
    }
    expect(order.indexOf('late')).toBe(1);
    expect(order).toHaveLength(11);
  });

  it('refuses a tenant that has too much waiting, and nobody else', () => {
    const queue = queueOf(1);
    for (let count = 0; count < WAITING.tenant; count += 1) queue.add(call('sign', 'greedy'));
    expect(() => queue.add(call('sign', 'greedy'))).toThrow(refused('rate_limited'));
    queue.add(call('sign', 'other'));
    expect(queue.size).toBe(WAITING.tenant + 1);
  });

  it('is bounded, however many tenants there are', () => {
    const queue = queueOf(1);
    for (let count = 0; count < WAITING.all; count += 1) queue.add(call('sign', `tenant-${count}`));
    expect(() => queue.add(call('sign', 'another'))).toThrow(refused('unavailable'));
    expect(queue.size).toBe(WAITING.all);
  });

  it('gives up the calls whose time is over, and no others', () => {
    const [early, late] = [call('sign', 'a', 10), call('slow', 'a', 20)];
    const queue = queueOf(8, early, late);
    expect(queue.expired(9)).toEqual([]);
    expect(queue.expired(10)).toEqual([early]);
    expect(drawn(queue)).toEqual([late]);
    expect(queue.size).toBe(0);
  });
});
