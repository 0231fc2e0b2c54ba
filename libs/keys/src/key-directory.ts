import type { Database } from '#database';
import type { StoredEngineKey } from '#engines';
import { EXACT_TTL, type RequestContext } from '#kernel';
import { LRUCache } from 'lru-cache';
import { findStoredKey, unknownKey } from './key.repository.js';
import { isVisible } from './key-visibility.js';
import type { KeyEntity } from './key.entity.js';
import { engineKey } from './stored-engine-key.js';

/** A key with what its engine needs to use it. */
export interface StoredKey {
  readonly key: KeyEntity;
  /** Absent where it has no private part. */
  readonly target: StoredEngineKey | undefined;
}

/** A verdict lives this long at most; the audit gate makes revocation exact all the same. */
const LIFE_MS = 1_000;
const CAPACITY = 10_000;

/**
 * Keys as the hot paths see them, at most a second old. A fill that raced an eviction is dropped.
 * Narrowing is checked on each use, for it belongs to the token and not to the key.
 */
export class KeyDirectory {
  readonly #cache = new LRUCache<string, Promise<StoredKey | undefined>>({
    max: CAPACITY,
    ttl: LIFE_MS,
    ...EXACT_TTL,
  });
  readonly #refsOf = new LRUCache<string, Set<string>>({ max: CAPACITY });
  #evictions = 0;

  constructor(private readonly database: Database) {}

  /** Throws `not_found` for unknown, foreign, destroyed and hidden keys alike. */
  async get(ctx: RequestContext, ref: string): Promise<StoredKey> {
    const stored = await this.#load(ctx, ref);
    if (!stored || !isVisible(ctx, stored.key)) throw unknownKey();
    return stored;
  }

  /** Forgets a key under every name it was found by. */
  evict(tenantId: string, keyId: string): void {
    this.#evictions += 1;
    for (const entry of this.#refsOf.get(`${tenantId}\n${keyId}`) ?? []) this.#cache.delete(entry);
    this.#refsOf.delete(`${tenantId}\n${keyId}`);
  }

  #load(ctx: RequestContext, ref: string): Promise<StoredKey | undefined> {
    const entry = `${ctx.tenantId}\n${ref}`;
    const cached = this.#cache.get(entry);
    if (cached) return cached;
    const loading = this.#read(ctx, ref);
    const before = this.#evictions;
    this.#cache.set(entry, loading);
    loading.then(
      (stored) => {
        if (stored && before === this.#evictions) this.#remember(entry, stored.key);
        else this.#cache.delete(entry);
      },
      () => this.#cache.delete(entry),
    );
    return loading;
  }

  #remember(entry: string, key: KeyEntity): void {
    const id = `${key.tenantId}\n${key.keyId}`;
    const refs = this.#refsOf.get(id) ?? new Set();
    refs.add(entry);
    this.#refsOf.set(id, refs);
  }

  #read(ctx: RequestContext, ref: string): Promise<StoredKey | undefined> {
    // Read without the token's narrowing: the entry serves every principal of the tenant.
    const { narrowing: _, ...principal } = ctx.principal;
    return this.database.transaction(
      ctx,
      async (tx) => {
        const found = await findStoredKey(tx, { ...ctx, principal }, ref);
        return found && { key: found.key, target: found.handle && engineKey(found.key, found.handle) };
      },
      { readOnly: true },
    );
  }
}
