import type { Database } from '#database';
import type { EngineKeyRef, KeepingEngine } from '#engines';
import { AppError, isTenantId } from '#kernel';
import {
  listSpokenFor,
  listStoredObjects,
  listTenantsOf,
  type StoredObject,
} from './engine-reconciliation.repository.js';

/** A key that is in the device or in the rows, and not in both. */
export interface Finding extends EngineKeyRef {
  /** The device's own name for it; empty where the row does not tell. */
  readonly objectId: string;
}

/** What a device holds beside what should be in it. */
export interface Comparison {
  readonly known: number;
  readonly foreign: number;
  /** Made by Claviger, and of no key. By object id. */
  readonly orphans: ReadonlyMap<string, Finding>;
  /** Keys that the device does not hold. By tenant and key id. */
  readonly missing: ReadonlyMap<string, Finding>;
}

const BATCH = 500;

/** Compares a device with the rows of all tenants. */
export class DeviceComparison {
  constructor(
    private readonly database: Database,
    private readonly engine: KeepingEngine,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Looks twice where there is something to tell of, and tells of what both looks saw: a key that is made or destroyed
   * meanwhile is seen by one of them at most, since rows are read after the device. Throws `unavailable`.
   */
  async run(): Promise<Comparison> {
    const first = await this.#look();
    if (first.orphans.size + first.missing.size === 0) return first;
    const second = await this.#look();
    const both = (name: 'orphans' | 'missing'): ReadonlyMap<string, Finding> =>
      new Map([...second[name]].filter(([id]) => first[name].has(id)));
    return { ...second, orphans: both('orphans'), missing: both('missing') };
  }

  async #look(): Promise<Comparison> {
    const held = new Map<string, EngineKeyRef | undefined>();
    for await (const { objectId, ref } of this.engine.inventory()) {
      this.signal.throwIfAborted();
      held.set(objectId, ref);
    }
    const total = held.size;
    const missing = await this.#strike(held);
    const orphans = await this.#orphansOf(held);
    const foreign = [...held.values()].filter((ref) => !isOurs(ref)).length;
    return { known: total - foreign - orphans.size, foreign, orphans, missing };
  }

  /** Takes out of `held` what rows speak of, and gives the rows that speak of what is not there. */
  async #strike(held: Map<string, unknown>): Promise<Map<string, Finding>> {
    const missing = new Map<string, Finding>();
    const { id } = this.engine.describe();
    const tenants = await this.database.system('engine tenants', (tx) => listTenantsOf(tx, id), {
      readOnly: true,
    });
    for (const tenantId of tenants) {
      for await (const stored of this.#storedOf(tenantId, id)) {
        const { keyId, isUnsettled } = stored;
        const objectId = this.#objectIdOf(tenantId, stored);
        if (!held.delete(objectId) && !isUnsettled)
          missing.set(`${tenantId}/${keyId}`, { tenantId, keyId, objectId });
      }
    }
    return missing;
  }

  async *#storedOf(tenantId: string, engineId: string): AsyncGenerator<StoredObject> {
    let last: StoredObject | undefined;
    do {
      this.signal.throwIfAborted();
      const page = await this.database.transaction(
        { tenantId },
        (tx) => listStoredObjects(tx, tenantId, engineId, last),
        { readOnly: true },
      );
      yield* page;
      last = page.at(-1);
    } while (last);
  }

  #objectIdOf(tenantId: string, { keyId, handle }: StoredObject): string {
    try {
      return this.engine.heldAs({ tenantId, keyId, handle });
    } catch (error) {
      // A handle that is not its key's names nothing in the device, and must not keep the rest from being compared.
      if (error instanceof AppError && error.code === 'internal') return '';
      throw error;
    }
  }

  /** Of what no row spoke of by its handle: what nothing speaks of by its id either. */
  async #orphansOf(held: ReadonlyMap<string, EngineKeyRef | undefined>): Promise<Map<string, Finding>> {
    const byTenant = new Map<string, Finding[]>();
    for (const [objectId, ref] of held) {
      if (isOurs(ref))
        byTenant.set(ref.tenantId, [...(byTenant.get(ref.tenantId) ?? []), { ...ref, objectId }]);
    }
    const orphans = new Map<string, Finding>();
    for (const [tenantId, findings] of byTenant) {
      for (let from = 0; from < findings.length; from += BATCH) {
        const some = findings.slice(from, from + BATCH);
        const ids = some.map(({ keyId }) => keyId);
        const taken = new Set(
          await this.database.transaction({ tenantId }, (tx) => listSpokenFor(tx, tenantId, ids), {
            readOnly: true,
          }),
        );
        for (const one of some) if (!taken.has(one.keyId)) orphans.set(one.objectId, one);
      }
    }
    return orphans;
  }
}

/** Tags and labels are anybody's to write: what cannot be a key of a tenant is none. */
const isOurs = (ref: EngineKeyRef | undefined): ref is EngineKeyRef =>
  ref !== undefined && isTenantId(ref.tenantId) && KEY_ID.test(ref.keyId);

const KEY_ID = /^key-[0-9a-f-]{36}$/;
