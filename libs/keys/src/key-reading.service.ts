import type { Database } from '#database';
import type { RequestContext } from '#kernel';
import { viewKey, type KeyView } from './key-view.js';
import { getKey, getKeyWithUse } from './key.repository.js';
import type { KeyEntity } from './key.entity.js';

/** Reads single keys, always from the database. */
export class KeyReadingService {
  constructor(private readonly database: Database) {}

  /** Throws `not_found`. */
  get(ctx: RequestContext, ref: string): Promise<KeyView> {
    return this.database.transaction(
      ctx,
      async (tx) => {
        const { key, lastUsedTs } = await getKeyWithUse(tx, ctx, ref);
        return viewKey(key, lastUsedTs);
      },
      { readOnly: true },
    );
  }

  /** The key itself, for its public half. Throws `not_found`. */
  getEntity(ctx: RequestContext, ref: string): Promise<KeyEntity> {
    return this.database.transaction(ctx, (tx) => getKey(tx, ctx, ref));
  }
}
