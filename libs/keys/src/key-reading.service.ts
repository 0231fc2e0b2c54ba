import type { Database } from '#database';
import type { RequestContext } from '#kernel';
import { viewKey, type KeyView } from './key-view.js';
import { getKey } from './key.repository.js';
import type { KeyEntity } from './key.entity.js';

/** Reads single keys, always from the database. */
export class KeyReadingService {
  constructor(private readonly database: Database) {}

  /** Throws `not_found`. */
  get(ctx: RequestContext, ref: string): Promise<KeyView> {
    return this.database.transaction(ctx, async (tx) => {
      const key = await getKey(tx, ctx, ref);
      const [use] = await tx.query<{ last_used_ts: Date }>(
        'SELECT last_used_ts FROM key_use WHERE tenant_id = $1 AND key_id = $2',
        [key.tenantId, key.keyId],
      );
      return viewKey(key, use?.last_used_ts);
    });
  }

  /** The key itself, for its public half. Throws `not_found`. */
  getEntity(ctx: RequestContext, ref: string): Promise<KeyEntity> {
    return this.database.transaction(ctx, (tx) => getKey(tx, ctx, ref));
  }
}
