import type { Database } from '#database';
import { AppError, type RequestContext } from '#kernel';
import { viewKey, type KeyView } from './key-view.js';
import { findKeyOrTombstone, getKey, getKeyWithUse } from './key.repository.js';
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

  /** What was made under an id chosen beforehand, if anything was. Throws `key_state` where it is destroyed by now. */
  findMade(ctx: RequestContext, keyId: string): Promise<KeyView | undefined> {
    return this.database.transaction(
      ctx,
      async (tx) => {
        const key = await findKeyOrTombstone(tx, ctx, keyId);
        if (key?.state !== 'destroyed') return key && viewKey(key);
        throw new AppError('key_state', { detail: 'The key that this request made has been destroyed.' });
      },
      { readOnly: true },
    );
  }
}
