import type { AuditAction, AuditLog } from '#audit';
import { findKeySpec, fingerprintOf } from '#crypto';
import type { Database, Transaction } from '#database';
import type { EngineKey, EngineRegistry } from '#engines';
import { AppError, newKeyId, type RequestContext } from '#kernel';
import { requireVersion } from './if-match.js';
import type { KeyDirectory } from './key-directory.js';
import type { KeyMaking } from './key-making.js';
import { viewKey, type KeyView } from './key-view.js';
import { refuseNarrowed } from './key-visibility.js';
import { getKey, insertKey, updateKey } from './key.repository.js';
import type { KeyEntity } from './key.entity.js';
import { engineOf } from './stored-engine-key.js';

/** States of a key: enabled and disabled, and rotation to a successor. */
export class KeyLifecycleService {
  constructor(
    private readonly database: Database,
    private readonly directory: KeyDirectory,
    private readonly engines: EngineRegistry,
    private readonly making: KeyMaking,
    private readonly audit: AuditLog,
  ) {}

  enable(ctx: RequestContext, ref: string, ifMatch?: string): Promise<KeyView> {
    return this.#switch(ctx, ref, 'enabled', ifMatch);
  }

  /** Once this resolves, no signature of the key is answered by any process. */
  disable(ctx: RequestContext, ref: string, ifMatch?: string): Promise<KeyView> {
    return this.#switch(ctx, ref, 'disabled', ifMatch);
  }

  /**
   * Makes a successor of the same kind and moves the aliases to it; the old key stays for verification. `keyId` is the
   * successor's, chosen beforehand by who may try again.
   */
  async rotate(
    ctx: RequestContext,
    ref: string,
    ifMatch?: string,
    keyId: string = newKeyId(),
  ): Promise<KeyView> {
    const old = await this.checkRotation(ctx, ref);
    const spec = findKeySpec(old.algorithm, old.size);
    if (!spec)
      throw new AppError('unsupported_by_engine', { detail: 'This kind of key cannot be generated.' });
    const engine = engineOf(this.engines, old);
    return this.making.run(ctx, {
      engine,
      keyId,
      make: () => engine.generate({ tenantId: ctx.tenantId, keyId }, spec),
      store: (tx, made) => this.#succeed(tx, ctx, old.keyId, { ...made, keyId }, ifMatch),
    });
  }

  /** The key, if it can be rotated now. Throws `not_found`, `key_state`, `stale_version`, `forbidden`. */
  async checkRotation(ctx: RequestContext, ref: string, ifMatch?: string): Promise<KeyEntity> {
    refuseNarrowed(ctx);
    const { key } = await this.directory.get(ctx, ref);
    requireVersion(ifMatch, key.version);
    refuseRotation(key);
    return key;
  }

  /** Stores the successor and moves the aliases to it. */
  async #succeed(
    tx: Transaction,
    ctx: RequestContext,
    oldId: string,
    { keyId, spki, handle, evidence }: EngineKey & { readonly keyId: string },
    ifMatch: string | undefined,
  ): Promise<KeyView> {
    const key = await getKey(tx, ctx, oldId, { lock: true });
    requireVersion(ifMatch, key.version);
    refuseRotation(key);
    await updateKey(tx, key, { aliases: [], rotatedTo: keyId });
    const { tenantId, name, engineId, algorithm, size, tags, metadata } = key;
    const described = { tenantId, name, engineId, algorithm, size, tags, metadata };
    const fingerprint = fingerprintOf(spki);
    const made = { keyId, spki, fingerprint, hasPrivateKey: true, origin: 'generated' as const };
    const fresh = await insertKey(
      tx,
      ctx,
      { ...described, ...made, aliases: [], rotatedFrom: key.keyId },
      handle,
    );
    const successor = key.aliases.length > 0 ? await updateKey(tx, fresh, { aliases: key.aliases }) : fresh;
    await this.#record(tx, ctx, 'kms.key.rotate', key, { rotated_to: keyId });
    const origin = { algorithm, size, engine_id: engineId, fingerprint, rotated_from: key.keyId };
    await this.#record(tx, ctx, 'kms.key.create', fresh, { ...origin, ...(evidence && { evidence }) });
    return viewKey(successor);
  }

  #switch(
    ctx: RequestContext,
    ref: string,
    state: 'enabled' | 'disabled',
    ifMatch?: string,
  ): Promise<KeyView> {
    return this.database.transaction(ctx, async (tx) => {
      // Waiting for answers holds up the tenant's signatures: only where something is to be revoked.
      const before = await getKey(tx, ctx, ref);
      if (before.state !== state && state === 'disabled') await this.audit.awaitAnswers(tx, ctx.tenantId);
      const key = await getKey(tx, ctx, ref, { lock: true });
      requireVersion(ifMatch, key.version);
      if (key.state === state) return viewKey(key);
      refusePending(key);
      const updated = await updateKey(tx, key, { state });
      await this.#record(tx, ctx, state === 'enabled' ? 'kms.key.enable' : 'kms.key.disable', key, {});
      return viewKey(updated);
    });
  }

  async #record(
    tx: Transaction,
    ctx: RequestContext,
    action: AuditAction,
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
      if (action !== 'kms.key.enable') this.engines.find(key.engineId)?.evict(key);
    });
  }
}

function refuseRotation(key: KeyEntity): void {
  if (!key.hasPrivateKey)
    throw new AppError('key_state', { detail: 'A key without a private part cannot be rotated.' });
  refusePending(key);
  if (key.rotatedTo) throw new AppError('key_state', { detail: 'The key has been rotated already.' });
}

function refusePending({ state }: KeyEntity): void {
  if (state === 'pending_deletion')
    throw new AppError('key_state', { detail: 'The key waits for its destruction; restore it first.' });
}
