import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, makeIssuerKey, type IssuerKey } from '../test/fake-issuer.js';
import { IssuerKeySet } from './issuer-key-set.js';
import type { KeySource } from './key-source.js';

class FakeSource implements KeySource {
  loads = 0;
  text = '';
  failure: Error | undefined;
  /** When set, loads wait for it. */
  gate: Promise<void> | undefined;

  publish(...keys: IssuerKey[]): void {
    this.text = JSON.stringify({ keys: keys.map((key) => key.jwk) });
  }

  async load(): Promise<string> {
    this.loads += 1;
    const { text, failure } = this;
    await this.gate;
    if (failure) throw failure;
    return text;
  }
}

/** Lets promises that wait for nothing outside settle. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('IssuerKeySet', () => {
  let clock: FakeClock;
  let source: FakeSource;
  let failures: unknown[];
  let set: IssuerKeySet;
  let first: IssuerKey;
  let second: IssuerKey;
  const find = (kid: string) => set.find({ alg: 'ES256', kid });

  beforeEach(async () => {
    [first, second] = await Promise.all([makeIssuerKey('first'), makeIssuerKey('second')]);
    clock = new FakeClock();
    source = new FakeSource();
    source.publish(first);
    failures = [];
    set = new IssuerKeySet(source, {
      clock,
      maxAgeMs: 600_000,
      cooldownMs: 30_000,
      onLoadFailed: (error) => failures.push(error),
    });
  });

  it('loads once for many that ask at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => find('first')));
    expect(source.loads).toBe(1);
  });

  it('looks for an unknown key id at the source, at most once a cool-down', async () => {
    await find('first');
    source.publish(first, second);
    for (let attempt = 0; attempt < 50; attempt += 1) {
      await expect(find(`unknown-${attempt}`)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
    }
    expect(source.loads).toBe(1);
    clock.advanceS(29.999);
    await expect(find('second')).rejects.toThrow();
    expect(source.loads).toBe(1);
    clock.advanceS(0.001);
    expect((await find('second')).generation).toBe(2);
    await expect(find('unknown')).rejects.toThrow();
    expect(source.loads).toBe(2);
  });

  it('keeps its generation when a load brings the same keys, and lets go of it when they changed', async () => {
    const { generation } = await find('first');
    clock.advanceS(600);
    expect(set.holds(generation)).toBe(false);
    await set.refresh();
    expect(set.holds(generation)).toBe(true);
    source.publish(first, second);
    clock.advanceS(600);
    await set.refresh();
    expect(set.holds(generation)).toBe(false);
    expect((await find('first')).generation).toBe(generation + 1);
  });

  it('past half its age loads again without making anybody wait', async () => {
    const { generation } = await find('first');
    clock.advanceS(300);
    let open = () => {};
    source.gate = new Promise((resolve) => (open = resolve));
    source.publish(second);
    expect((await find('first')).generation).toBe(generation);
    expect(source.loads).toBe(2);
    open();
    await settled();
    expect(set.holds(generation)).toBe(false);
    expect((await find('second')).generation).toBe(generation + 1);
  });

  it('goes on with known keys while the source is down, until their age, and tells of each failure', async () => {
    const { generation } = await find('first');
    source.failure = new Error('down');
    clock.advanceS(599.999);
    expect((await find('first')).generation).toBe(generation);
    await settled();
    expect(failures).toEqual([source.failure]);
    clock.advanceS(0.001);
    expect(set.holds(generation)).toBe(false);
    await expect(find('first')).rejects.toMatchObject({ code: 'unavailable', retryAfterS: 5 });
  });

  it('answers 503 for what it cannot know while the source is down, and asks it at most every 5 s', async () => {
    await find('first');
    clock.advanceS(31);
    source.failure = new Error('down');
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await expect(find('second')).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(source.loads).toBe(2);
    clock.advanceS(2);
    await expect(find('second')).rejects.toMatchObject({ code: 'unavailable', retryAfterS: 3 });
    await find('first');
    source.failure = undefined;
    source.publish(first, second);
    clock.advanceS(3);
    await find('second');
    expect(source.loads).toBe(3);
  });

  it('answers 503 before the first load succeeded, and recovers', async () => {
    source.failure = new Error('down');
    await expect(find('first')).rejects.toMatchObject({ code: 'unavailable', cause: source.failure });
    source.failure = undefined;
    clock.advanceS(5);
    await find('first');
  });

  it('takes a key for withdrawn from the moment of asking, not of the answer', async () => {
    let open = () => {};
    source.gate = new Promise((resolve) => (open = resolve));
    const finding = find('first');
    clock.advanceS(10);
    open();
    const { generation } = await finding;
    clock.advanceS(589.999);
    expect(set.holds(generation)).toBe(true);
    clock.advanceS(0.001);
    expect(set.holds(generation)).toBe(false);
  });

  it('trusts no age when the clock was set back', async () => {
    const { generation } = await find('first');
    clock.advanceS(-1);
    expect(set.holds(generation)).toBe(false);
    await find('first');
    expect(source.loads).toBe(2);
  });

  it.each([
    ['is not JSON', 'keys'],
    ['is null', 'null'],
    ['has no keys', '{}'],
    ['has keys that are no array', '{"keys":{}}'],
    ['has a key that is no object', '{"keys":[1]}'],
    ['has 101 keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: 'EC' })) })],
    ['is nested beyond reading', `{"keys":[{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}]}`],
  ])('refuses a set that %s, and keeps the one it has', async (_, text) => {
    const { generation } = await find('first');
    source.text = text;
    clock.advanceS(300);
    await find('first');
    await settled();
    expect(failures).toHaveLength(1);
    expect(set.holds(generation)).toBe(true);
  });

  it('takes 100 keys', async () => {
    source.publish(first, ...Array.from({ length: 99 }, () => second));
    await find('first');
  });

  it('gives neither a private key, a symmetric one, nor one of two that fit', async () => {
    source.text = JSON.stringify({
      keys: [
        { ...first.jwk, kid: 'private', d: first.jwk.x },
        { kty: 'oct', kid: 'symmetric', k: 'c2VjcmV0', alg: 'HS256' },
        { ...first.jwk, kid: 'twice' },
        { ...second.jwk, kid: 'twice' },
      ],
    });
    await expect(find('private')).rejects.toThrow();
    await expect(set.find({ alg: 'HS256', kid: 'symmetric' })).rejects.toThrow();
    await expect(find('twice')).rejects.toMatchObject({ code: 'ERR_JWKS_MULTIPLE_MATCHING_KEYS' });
  });
});
