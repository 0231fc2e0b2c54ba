import { EXACT_TTL } from '#kernel';
import { LRUCache } from 'lru-cache';
import type { EngineKeyRef } from '../engine.js';
import type { LoadedKey } from './loaded-key.js';

const idOf = ({ tenantId, keyId }: EngineKeyRef): string => `${tenantId}/${keyId}`;

/**
 * Decrypted keys, bounded in number and age. Concurrent loads of one key are one load; a key whose load
 * began before it was evicted is used by those who wait for it, but not kept.
 */
export class KeyCache {
  readonly #keys: LRUCache<string, LoadedKey>;
  readonly #loading = new Map<string, Promise<LoadedKey>>();

  constructor(options: { readonly max: number; readonly ttlMs: number }) {
    this.#keys = new LRUCache({
      max: options.max,
      ttl: options.ttlMs,
      ...EXACT_TTL,
      // A key that nobody uses leaves memory as well, not only one that is asked for too late.
      ttlAutopurge: true,
      perf: { now: () => performance.now() },
      dispose: (key) => key.dispose(),
    });
  }

  /** A key that is in memory. */
  peek(ref: EngineKeyRef): LoadedKey | undefined {
    return this.#keys.get(idOf(ref));
  }

  async get(ref: EngineKeyRef, load: () => Promise<LoadedKey>): Promise<LoadedKey> {
    const id = idOf(ref);
    const cached = this.#keys.get(id);
    if (cached) return cached;
    const underWay = this.#loading.get(id);
    if (underWay) return underWay;
    const loading: Promise<LoadedKey> = load()
      .then((key) => {
        if (this.#loading.get(id) === loading) this.#keys.set(id, key);
        else key.dispose();
        return key;
      })
      .finally(() => {
        if (this.#loading.get(id) === loading) this.#loading.delete(id);
      });
    this.#loading.set(id, loading);
    return loading;
  }

  evict(ref: EngineKeyRef): void {
    const id = idOf(ref);
    this.#keys.delete(id);
    this.#loading.delete(id);
  }

  clear(): void {
    this.#keys.clear();
    this.#loading.clear();
  }
}
