import type { Database } from '#database';
import { newRequestId, type RequestContext } from '#kernel';
import type { KeyDestructionService } from './key-destruction.service.js';
import { listDueIntents, type KeyIntent } from './key-intent.repository.js';
import type { KeyMaking } from './key-making.js';

const EVERY_MS = 5_000;
/** Of each kind in one round. */
const LIMIT = 100;

/** What one round brought to its end. */
export interface Reconciled {
  readonly destroyed: number;
  readonly discarded: number;
}

/** Brings to an end what was left halfway: keys whose destruction is due, and keys whose makers are gone. */
export class KeyReconciler {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly destruction: KeyDestructionService,
    private readonly making: KeyMaking,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#round = this.#round.then(() => this.run()).catch(this.onError);
    }, EVERY_MS).unref();
  }

  /** One round. What cannot be brought to its end now is told to `onError` and tried again. */
  async run(): Promise<Reconciled> {
    const { doomed, intents } = await this.database.system('reconcile keys', async (tx) => ({
      doomed: await tx.query<{ tenant_id: string; key_id: string; engine_id: string }>(
        'SELECT tenant_id, key_id, engine_id FROM doomed_keys($1)',
        [LIMIT],
      ),
      intents: await listDueIntents(tx, LIMIT),
    }));
    const away = new Set<string>();
    const destroyed = await this.#each(away, doomed.map(doomedKey), (key) =>
      this.destruction.destroyDue(reconciling(key.tenantId), key.keyId),
    );
    const discarded = await this.#each(away, intents, (intent) => this.making.recover(intent));
    return { destroyed, discarded };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  /** An engine that did not do it for one is not asked for the others of the round: each would wait as long. */
  async #each(
    away: Set<string>,
    items: readonly KeyIntent[],
    work: (item: KeyIntent) => Promise<boolean>,
  ): Promise<number> {
    let done = 0;
    for (const item of items) {
      if (away.has(item.engineId)) continue;
      try {
        if (await work(item)) done += 1;
      } catch (error) {
        away.add(item.engineId);
        this.onError(error);
      }
    }
    return done;
  }
}

const doomedKey = (row: { tenant_id: string; key_id: string; engine_id: string }): KeyIntent => ({
  tenantId: row.tenant_id,
  keyId: row.key_id,
  engineId: row.engine_id,
});

/** Nobody asks at that moment; who asked for the destruction stands in the record of its schedule. */
const reconciling = (tenantId: string): RequestContext => ({
  tenantId,
  requestId: newRequestId(),
  principal: { issuer: 'urn:claviger', subject: 'reconciler', tenantId, permissions: new Set() },
});
