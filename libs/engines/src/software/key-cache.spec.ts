import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SecretBytes } from '#kernel';
import { KeyCache } from './key-cache.js';
import { LoadedKey } from './loaded-key.js';

const ref = { tenantId: 'acme', keyId: 'key-1' };
const other = { tenantId: 'acme', keyId: 'key-2' };
const digest = createHash('sha256').update('message').digest();

function open(): LoadedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const pkcs8 = SecretBytes.take(privateKey.export({ type: 'pkcs8', format: 'der' }));
  return LoadedKey.open(pkcs8, publicKey.export({ type: 'spki', format: 'der' }), 'fingerprint');
}

/** A load that ends when it is told to. */
function pendingLoad(): {
  load: () => Promise<LoadedKey>;
  finish: (key: LoadedKey) => void;
  fail: (error: Error) => void;
} {
  let finish!: (key: LoadedKey) => void;
  let fail!: (error: Error) => void;
  const loading = new Promise<LoadedKey>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { load: () => loading, finish, fail };
}

const never = (): Promise<LoadedKey> => Promise.reject(new Error('loaded again'));

async function expectUsable(key: LoadedKey): Promise<void> {
  const signature = await key.withNative((native) => native.signInline(digest));
  expect(verify('sha256', Buffer.from('message'), createPublicKey(key.keyObject), signature)).toBe(true);
}

describe('the cache of decrypted keys', () => {
  let cache: KeyCache;

  beforeEach(() => {
    vi.useFakeTimers();
    // A start at 0 means no life at all to the cache.
    vi.advanceTimersByTime(1);
    cache = new KeyCache({ max: 2, ttlMs: 1000 });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('loads a key once, for those who wait and those who come later', async () => {
    const { load, finish } = pendingLoad();
    const waiting = [cache.get(ref, load), cache.get(ref, never)];
    const key = open();
    finish(key);
    expect(await Promise.all(waiting)).toEqual([key, key]);
    expect(await cache.get(ref, never)).toBe(key);
  });

  it('does not keep a key whose load began before it was evicted, though it serves who waits', async () => {
    const { load, finish } = pendingLoad();
    const waiting = cache.get(ref, load);
    cache.evict(ref);
    finish(open());
    await expectUsable(await waiting);
    await expect(cache.get(ref, never)).rejects.toThrow('loaded again');
  });

  it('keeps the key of the newer load when an older one ends last', async () => {
    const [older, newer] = [pendingLoad(), pendingLoad()];
    const first = cache.get(ref, older.load);
    cache.evict(ref);
    const second = cache.get(ref, newer.load);
    const key = open();
    newer.finish(key);
    await second;
    older.finish(open());
    await first;
    expect(await cache.get(ref, never)).toBe(key);
  });

  it('keeps nothing of a load that failed', async () => {
    const { load, fail } = pendingLoad();
    const waiting = cache.get(ref, load);
    fail(new Error('no'));
    await expect(waiting).rejects.toThrow('no');
    const key = open();
    expect(await cache.get(ref, async () => key)).toBe(key);
  });

  it('drops a key at the end of its life, though it was just used', async () => {
    await cache.get(ref, async () => open());
    vi.advanceTimersByTime(900);
    await cache.get(ref, never);
    vi.advanceTimersByTime(101);
    await expect(cache.get(ref, never)).rejects.toThrow('loaded again');
  });

  it('drops the key least recently used, which still finishes the work it has', async () => {
    const key = await cache.get(ref, async () => open());
    await expectUsable(key);
    await cache.get(other, async () => open());
    await cache.get({ ...other, keyId: 'key-3' }, async () => open());
    await expect(cache.get(ref, never)).rejects.toThrow('loaded again');
    await expectUsable(key);
  });
});

describe('a decrypted key', () => {
  it('wipes the bytes it was decoded from', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const bytes = privateKey.export({ type: 'pkcs8', format: 'der' });
    LoadedKey.open(SecretBytes.take(bytes), publicKey.export({ type: 'spki', format: 'der' }), 'f');
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('is refused beside the public key of another', () => {
    const [one, two] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
    const bytes = one.privateKey.export({ type: 'pkcs8', format: 'der' });
    const spki = two.publicKey.export({ type: 'spki', format: 'der' });
    expect(() => LoadedKey.open(SecretBytes.take(bytes), spki, 'f')).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
    expect(() => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })).toThrow();
  });

  it('signs on the pool while it is disposed of', async () => {
    const key = open();
    const signing = Array.from({ length: 50 }, async () =>
      key.withNative((native) => native.sign(digest, [])),
    );
    key.dispose();
    for (const signature of await Promise.all(signing)) {
      expect(verify('sha256', Buffer.from('message'), createPublicKey(key.keyObject), signature)).toBe(true);
    }
  });
});
