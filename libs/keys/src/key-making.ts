import { pgCode, type Database, type Transaction } from '#database';
import {
  keepsKeys,
  noSuchEngine,
  type Engine,
  type EngineKey,
  type EngineKeyRef,
  type EngineRegistry,
  type KeepingEngine,
} from '#engines';
import { AppError, newRequestId, type TenantScope } from '#kernel';
import {
  claimIntent,
  endIntent,
  INTENT_LIFE_MS,
  keepIntent,
  renewIntent,
  writeIntent,
  writeOrphanIntent,
  type KeyIntent,
} from './key-intent.repository.js';

/** The making of one key. */
interface Making<Made, T> {
  readonly engine: Engine;
  readonly keyId: string;
  /** What the engine does; what it leaves behind when it fails is discarded. */
  readonly make: () => Promise<Made>;
  /** Stores the key, in the transaction that confirms it. */
  readonly store: (tx: Transaction, made: Made) => Promise<T>;
  /** What is made is no key that stays: its intent is kept, and it is discarded after so many seconds. */
  readonly lifeS?: number;
}

/**
 * Makes keys in two phases where they live outside of the database: an intent is durable before the engine is asked, and
 * goes in the transaction that stores the key. Whatever happens in between, a key is stored and there, or neither; what
 * a crash leaves is found by its intent and discarded.
 */
export class KeyMaking {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
  ) {}

  /** Throws what the engine and `store` throw, and `unavailable` where another attempt makes the same key. */
  async run<Made extends Partial<EngineKey>, T>(scope: TenantScope, making: Making<Made, T>): Promise<T> {
    const { engine } = making;
    if (keepsKeys(engine)) return this.#runWithIntent(scope, engine, making);
    const made = await making.make();
    return this.database.transaction(scope, (tx) => making.store(tx, made));
  }

  /**
   * Stores a key that its engine holds already, and that stays there whatever becomes of this. An intent holds the
   * engine against its removal for as long as the transaction takes.
   */
  storeExisting<T>(
    scope: TenantScope,
    engine: KeepingEngine,
    keyId: string,
    store: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    const intent = { tenantId: scope.tenantId, keyId, engineId: engine.describe().id };
    const attemptId = newRequestId();
    const isRegistered = !this.engines.isDeclared(intent.engineId);
    return this.database.transaction(scope, async (tx) => {
      if (!(await writeIntent(tx, intent, attemptId, isRegistered))) throw underWay();
      await endIntent(tx, intent, attemptId);
      return store(tx);
    });
  }

  /** Does away with what a maker that is gone has left. Gives whether there was anything to do. */
  async recover(intent: KeyIntent): Promise<boolean> {
    const engine = this.engines.find(intent.engineId);
    if (!engine || !keepsKeys(engine)) return false;
    const attemptId = newRequestId();
    const claimed = await this.database.transaction(intent, (tx) =>
      claimIntent(tx, intent, undefined, attemptId),
    );
    if (claimed) await this.#discard(engine, intent, attemptId);
    return claimed;
  }

  /**
   * Does away with what a device holds under a reference of which there is no key, and none is being made; the intent
   * keeps it so meanwhile. `record` runs in the transaction that decides it. Gives whether that was the case.
   */
  async discardOrphan(
    engine: KeepingEngine,
    ref: EngineKeyRef,
    record: (tx: Transaction) => Promise<void>,
  ): Promise<boolean> {
    const intent = { ...ref, engineId: engine.describe().id };
    const attemptId = newRequestId();
    const isRegistered = !this.engines.isDeclared(intent.engineId);
    const isOurs = await this.database.transaction(intent, async (tx) => {
      if (!(await writeOrphanIntent(tx, intent, attemptId, isRegistered))) return false;
      await record(tx);
      return true;
    });
    if (isOurs) await this.#discard(engine, intent, attemptId);
    return isOurs;
  }

  async #runWithIntent<Made extends Partial<EngineKey>, T>(
    { tenantId }: TenantScope,
    engine: KeepingEngine,
    { keyId, make, store, lifeS }: Making<Made, T>,
  ): Promise<T> {
    const engineId = engine.describe().id;
    const intent = { tenantId, keyId, engineId };
    const attemptId = newRequestId();
    const written = await this.#announce(intent, attemptId);
    const renewal = setInterval(() => this.#renew(intent, attemptId), INTENT_LIFE_MS / 3).unref();
    try {
      if (written === 'taken over') await engine.discard(intent);
      const made = await make();
      return await this.database.transaction(intent, async (tx) => {
        const confirmed =
          lifeS === undefined
            ? await endIntent(tx, intent, attemptId)
            : await keepIntent(tx, intent, attemptId, lifeS);
        if (!confirmed) throw underWay();
        return store(tx, made);
      });
    } catch (error) {
      // What cannot be discarded now is found by its intent later.
      await this.#abandon(engine, intent, attemptId).catch(() => undefined);
      throw error;
    } finally {
      clearInterval(renewal);
    }
  }

  /** Undone, as a whole, where another makes or made the key: an intent of a stored key would be its end. */
  async #announce(intent: KeyIntent, attemptId: string): Promise<'new' | 'taken over'> {
    const isRegistered = !this.engines.isDeclared(intent.engineId);
    try {
      return await this.database.transaction(intent, async (tx) => {
        const written = await writeIntent(tx, intent, attemptId, isRegistered);
        if (!written) throw underWay();
        return written;
      });
    } catch (error) {
      // It was removed a moment ago, and this process has not heard of it yet.
      throw pgCode(error) === '23503' ? noSuchEngine() : error;
    }
  }

  #renew(intent: KeyIntent, attemptId: string): void {
    this.database.transaction(intent, (tx) => renewIntent(tx, intent, attemptId)).catch(() => undefined);
  }

  /** The store may have been committed though nobody learnt of it: then the intent is gone or kept, and the key stays. */
  async #abandon(engine: KeepingEngine, intent: KeyIntent, attemptId: string): Promise<void> {
    const claim = newRequestId();
    const claimed = await this.database.transaction(intent, (tx) =>
      claimIntent(tx, intent, attemptId, claim),
    );
    if (claimed) await this.#discard(engine, intent, claim);
  }

  async #discard(engine: KeepingEngine, intent: KeyIntent, attemptId: string): Promise<void> {
    await engine.discard(intent);
    await this.database.transaction(intent, (tx) => endIntent(tx, intent, attemptId));
  }
}

const underWay = (): AppError =>
  new AppError('unavailable', { detail: 'Another attempt makes or made this key.', retryAfterS: 5 });
