import type { Database } from '#database';
import { EXACT_TTL } from '#kernel';
import { LRUCache } from 'lru-cache';
import type { TenantState } from './tenant.entity.js';

const CAPACITY = 10_000;
/** A verdict on a tenant lives this long at most. */
const LIFE_MS = 1_000;

/** Whether tenants may be served, at most a second old. */
export class TenantDirectory {
  readonly #states = new LRUCache<string, Promise<TenantState | 'unknown'>>({
    max: CAPACITY,
    ttl: LIFE_MS,
    ...EXACT_TTL,
  });

  constructor(private readonly database: Database) {}

  stateOf(tenantId: string): Promise<TenantState | 'unknown'> {
    const cached = this.#states.get(tenantId);
    if (cached) return cached;
    const loading = this.#read(tenantId);
    this.#states.set(tenantId, loading);
    loading.catch(() => this.#states.delete(tenantId));
    return loading;
  }

  /** Forgets a verdict after this process changed it. */
  evict(tenantId: string): void {
    this.#states.delete(tenantId);
  }

  #read(tenantId: string): Promise<TenantState | 'unknown'> {
    return this.database.transaction({ tenantId }, async (tx) => {
      const [row] = await tx.query<{ state: TenantState }>('SELECT state FROM tenant WHERE id = $1', [
        tenantId,
      ]);
      return row?.state ?? 'unknown';
    });
  }
}
