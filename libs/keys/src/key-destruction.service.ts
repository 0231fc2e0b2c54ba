import type { AuditLog } from '#audit';
import type { Database, Transaction } from '#database';
import { keepsKeys, type EngineRegistry } from '#engines';
import { AppError, invalidMember, type RequestContext } from '#kernel';
import { requireVersion } from './if-match.js';
import type { KeyDirectory } from './key-directory.js';
import { viewKey, type KeyView } from './key-view.js';
import { findHandle, findKey, getKey, updateKey } from './key.repository.js';
import type { KeyEntity } from './key.entity.js';
import { engineKey, engineOf } from './stored-engine-key.js';

export interface DestroyOptions {
  readonly ifMatch?: string;
  /** Days until the destruction, in which it can be called off; absent: now. */
  readonly pendingWindowDays?: number;
}

/** `pending_deletion`: it signs no more, and is destroyed at `deletion_ts`, or as soon as its engine can be reached. */
export type Destruction =
  { readonly status: 'deleted' } | { readonly status: 'pending_deletion'; readonly deletion_ts: string };

export const DELETION_WINDOW_DAYS = Object.freeze({ min: 7, max: 30 });

/** The end of keys: at once, or after a time in which they can be restored. A tombstone stays for the audit. */
export class KeyDestructionService {
  constructor(
    private readonly database: Database,
    private readonly directory: KeyDirectory,
    private readonly engines: EngineRegistry,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Once this resolves, no signature of the key is answered by any process. Throws `not_found`, `stale_version`,
   * `key_state`, and `validation_failed` for a time shorter than the tenant's least.
   */
  async destroy(ctx: RequestContext, ref: string, options: DestroyOptions = {}): Promise<Destruction> {
    const doomed = await this.#doom(ctx, ref, options);
    if (!doomed) return { status: 'deleted' };
    if (options.pendingWindowDays !== undefined) return pending(doomed);
    try {
      await this.#finish(ctx, doomed);
      return { status: 'deleted' };
    } catch (error) {
      // The key is out of use, and is destroyed once its engine can be reached.
      if (error instanceof AppError && error.code === 'unavailable') return pending(doomed);
      throw error;
    }
  }

  /** The key, if it can be destroyed at once. Throws `not_found`, `stale_version`, `validation_failed`. */
  check(ctx: RequestContext, ref: string, ifMatch?: string): Promise<KeyEntity> {
    return this.database.transaction(
      ctx,
      async (tx) => {
        await requireWindow(tx, ctx.tenantId, undefined);
        const key = await getKey(tx, ctx, ref);
        requireVersion(ifMatch, key.version);
        return key;
      },
      { readOnly: true },
    );
  }

  /** Calls a destruction off: the key is disabled, and is enabled by who means it. Throws `not_found`, `key_state`. */
  async restore(ctx: RequestContext, ref: string, ifMatch?: string): Promise<KeyView> {
    return this.database.transaction(ctx, async (tx) => {
      const key = await getKey(tx, ctx, ref, { lock: true });
      requireVersion(ifMatch, key.version);
      if (key.state !== 'pending_deletion' || (await isDue(tx, key))) {
        throw new AppError('key_state', { detail: 'The key is not waiting for a destruction to come.' });
      }
      const restored = await updateKey(tx, key, { state: 'disabled', deletionTs: null });
      await this.#record(tx, ctx, 'kms.key.restore', key, {});
      return viewKey(restored);
    });
  }

  /** Destroys a key whose time has come. Gives whether there was anything to do. Throws `unavailable`. */
  async destroyDue(ctx: RequestContext, keyId: string): Promise<boolean> {
    const due = await this.database.transaction(ctx, async (tx) => {
      // Locked: a restoration that is under way comes before or not at all.
      const key = await findKey(tx, ctx, keyId, { lock: true });
      return key?.state === 'pending_deletion' && (await isDue(tx, key)) ? key : undefined;
    });
    if (due) await this.#finish(ctx, due);
    return due !== undefined;
  }

  /** Takes the key out of use; undefined where it is destroyed already, with nothing left to be done in an engine. */
  #doom(
    ctx: RequestContext,
    ref: string,
    { ifMatch, pendingWindowDays }: DestroyOptions,
  ): Promise<KeyEntity | undefined> {
    return this.database.transaction(ctx, async (tx) => {
      await requireWindow(tx, ctx.tenantId, pendingWindowDays);
      await this.audit.awaitAnswers(tx, ctx.tenantId);
      const key = await getKey(tx, ctx, ref, { lock: true });
      requireVersion(ifMatch, key.version);
      if (key.state === 'pending_deletion' && pendingWindowDays !== undefined) {
        throw new AppError('key_state', { detail: 'The key is waiting for its destruction already.' });
      }
      const engine = key.hasPrivateKey ? engineOf(this.engines, key) : undefined;
      if (pendingWindowDays === undefined && !(engine && keepsKeys(engine))) {
        const handle = await findHandle(tx, key);
        if (engine && handle) await engine.destroy(engineKey(key, handle));
        await this.#bury(tx, ctx, key);
        return undefined;
      }
      const deletionTs = await inDays(tx, pendingWindowDays ?? 0);
      const doomed = await updateKey(tx, key, { state: 'pending_deletion', deletionTs });
      await this.#record(tx, ctx, 'kms.key.schedule-destruction', key, {
        deletion_ts: deletionTs.toISOString(),
      });
      return doomed;
    });
  }

  /** A device takes its time: nothing is locked meanwhile. */
  async #finish(ctx: RequestContext, doomed: KeyEntity): Promise<void> {
    const handle = await this.database.transaction(ctx, (tx) => findHandle(tx, doomed), { readOnly: true });
    if (handle) await engineOf(this.engines, doomed).destroy(engineKey(doomed, handle));
    await this.database.transaction(ctx, async (tx) => {
      // Another may have brought it to its end meanwhile.
      const key = await findKey(tx, ctx, doomed.keyId, { lock: true });
      if (key) await this.#bury(tx, ctx, key);
    });
  }

  async #bury(tx: Transaction, ctx: RequestContext, key: KeyEntity): Promise<void> {
    const position = [key.tenantId, key.keyId];
    await tx.query('DELETE FROM key_handle WHERE tenant_id = $1 AND key_id = $2', position);
    await tx.query('DELETE FROM key_use WHERE tenant_id = $1 AND key_id = $2', position);
    await tx.query('DELETE FROM adopted_object WHERE tenant_id = $1 AND key_id = $2', position);
    await updateKey(tx, key, { state: 'destroyed', aliases: [], destroyedTs: new Date() });
    await this.#record(tx, ctx, 'kms.key.destroy', key, { fingerprint: key.fingerprint });
  }

  async #record(
    tx: Transaction,
    ctx: RequestContext,
    action: 'kms.key.schedule-destruction' | 'kms.key.restore' | 'kms.key.destroy',
    key: KeyEntity,
    detail: Record<string, unknown>,
  ): Promise<void> {
    await this.audit.appendIn(tx, ctx, ctx.tenantId, {
      action,
      outcome: 'success',
      keyId: key.keyId,
      detail,
    });
    tx.afterCommit(() => {
      this.directory.evict(key.tenantId, key.keyId);
      this.engines.find(key.engineId)?.evict(key);
    });
  }
}

/** By the clock of the database, which all processes share, as it is now that the key is locked. */
async function isDue(tx: Transaction, { deletionTs }: KeyEntity): Promise<boolean> {
  const [row] = await tx.query<{ due: boolean }>('SELECT $1::timestamptz <= clock_timestamp() AS due', [
    deletionTs,
  ]);
  return row!.due;
}

async function inDays(tx: Transaction, days: number): Promise<Date> {
  const [row] = await tx.query<{ ts: Date }>(
    `SELECT date_trunc('milliseconds', clock_timestamp()) + $1 * interval '24 hours' AS ts`,
    [days],
  );
  return row!.ts;
}

const pending = ({ deletionTs }: KeyEntity): Destruction => ({
  status: 'pending_deletion',
  deletion_ts: (deletionTs ?? new Date()).toISOString(),
});

/** An operator can demand a time to think of every destruction in a tenant. */
async function requireWindow(tx: Transaction, tenantId: string, days: number | undefined): Promise<void> {
  const [tenant] = await tx.query<{ days: number }>(
    'SELECT min_deletion_days AS days FROM tenant WHERE id = $1',
    [tenantId],
  );
  const least = tenant?.days ?? 0;
  if ((days ?? 0) >= least) return;
  throw invalidMember('pending_window_days', `must be at least ${least}, as this tenant demands`);
}
