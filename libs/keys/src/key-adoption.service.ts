import type { AuditLog } from '#audit';
import { fingerprintOf } from '#crypto';
import type { Database, Transaction } from '#database';
import { keepsKeys, type EngineRegistry, type HeldKey, type KeepingEngine } from '#engines';
import { AppError, isTenantId, newKeyId, type RequestContext } from '#kernel';
import type { KeyEntity, Metadata } from './key.entity.js';
import type { KeyMaking } from './key-making.js';
import { viewKey, type KeyView } from './key-view.js';
import { insertKey, listMadeKeys } from './key.repository.js';

/** What a device holds, and what Claviger knows of it. */
export interface HeldKeyView {
  /** The device's own name for it: hex of CKA_ID, an ARN. */
  object_id: string;
  label: string;
  algorithm?: string;
  size?: number;
  /**
   * `known`: a key of Claviger's; `orphan`: made by Claviger, and there is no key of it; `foreign`: made by somebody else,
   * and adopted maybe.
   */
  status: 'known' | 'orphan' | 'foreign';
  tenant_id?: string;
  key_id?: string;
}

export interface AdoptInput {
  readonly objectId: string;
  /** Whose it shall be. */
  readonly tenantId: string;
  readonly name: string;
  readonly tags?: readonly string[];
  readonly metadata?: Metadata;
}

/** So many are shown; a device with more is better looked at by its own tools. */
const MOST_SHOWN = 1_000;

/** Keys that live in a device already: what there is, and taking one over. For operators, who see all tenants. */
export class KeyAdoptionService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly making: KeyMaking,
    private readonly audit: AuditLog,
  ) {}

  /** The first thousand keys of a device, in its own order. Throws `not_found`, `unsupported_by_engine`, `unavailable`. */
  async inventory(engineId: string): Promise<HeldKeyView[]> {
    const held: HeldKey[] = [];
    for await (const one of this.#engine(engineId).inventory()) {
      held.push(one);
      if (held.length === MOST_SHOWN) break;
    }
    const known = await this.#known(held);
    return held.map(({ objectId, label, spec, ref }) => ({
      object_id: objectId,
      label,
      ...(spec && { algorithm: spec.algorithm, size: spec.size }),
      ...(ref && { tenant_id: ref.tenantId, key_id: ref.keyId }),
      status: !ref ? 'foreign' : known.has(ref.keyId) ? 'known' : 'orphan',
    }));
  }

  /**
   * Makes a key of a tenant of what the device holds. Throws `not_found` for an engine, an object or a tenant,
   * `unsupported_by_engine`, `unavailable`, and `key_exists` also where it is a key of another tenant's.
   */
  async adopt(ctx: RequestContext, engineId: string, input: AdoptInput): Promise<KeyView> {
    const engine = this.#engine(engineId);
    await this.#requireTenant(input.tenantId, engineId);
    const { tenantId, objectId, name, tags = [], metadata = {} } = input;
    const keyId = newKeyId();
    const { spki, handle, spec, evidence } = await engine.adopt({ tenantId, keyId }, objectId);
    const tenant = { ...ctx, tenantId };
    return this.making.storeExisting(tenant, engine, keyId, async (tx) => {
      const fingerprint = fingerprintOf(spki);
      const { algorithm, size } = spec;
      const made = {
        keyId,
        spki,
        fingerprint,
        algorithm,
        size,
        hasPrivateKey: true,
        origin: 'imported' as const,
      };
      const described = { name, tags: [...new Set(tags)], metadata, aliases: [], rotatedFrom: null };
      const key = await insertKey(tx, tenant, { tenantId, engineId, ...made, ...described }, handle);
      await claimObject(tx, key);
      await this.audit.appendIn(tx, ctx, tenantId, {
        action: 'kms.key.adopt',
        outcome: 'success',
        keyId,
        detail: {
          algorithm,
          size,
          engine_id: engineId,
          object_id: objectId,
          fingerprint,
          ...(evidence && { evidence }),
        },
      });
      return viewKey(key);
    });
  }

  #engine(id: string): KeepingEngine {
    const engine = this.engines.find(id);
    if (!engine) throw new AppError('not_found', { detail: 'There is no such engine.' });
    if (keepsKeys(engine)) return engine;
    throw new AppError('unsupported_by_engine', { detail: 'The keys of this engine live in the database.' });
  }

  async #requireTenant(tenantId: string, engineId: string): Promise<void> {
    const [tenant] = isTenantId(tenantId)
      ? await this.database.transaction({ tenantId }, (tx) =>
          tx.query('SELECT 1 FROM tenant WHERE id = $1', [tenantId]),
        )
      : [];
    if (!tenant) throw new AppError('not_found', { detail: 'There is no such tenant.' });
    // Throws where the engine is bound to others.
    this.engines.get(tenantId, engineId);
  }

  /** The ids under which there are keys, live or destroyed. */
  async #known(held: readonly HeldKey[]): Promise<ReadonlySet<string>> {
    const byTenant = new Map<string, string[]>();
    for (const { ref } of held) {
      if (ref && isTenantId(ref.tenantId))
        byTenant.set(ref.tenantId, [...(byTenant.get(ref.tenantId) ?? []), ref.keyId]);
    }
    const known = new Set<string>();
    for (const [tenantId, ids] of byTenant) {
      const made = await this.database.transaction({ tenantId }, (tx) => listMadeKeys(tx, tenantId, ids), {
        readOnly: true,
      });
      for (const id of made) known.add(id);
    }
    return known;
  }
}

/** What two tenants had, one could destroy under the other. Waits for an adoption that is under way. */
async function claimObject(
  tx: Transaction,
  { fingerprint, tenantId, keyId }: Pick<KeyEntity, 'fingerprint' | 'tenantId' | 'keyId'>,
): Promise<void> {
  const claimed = await tx.execute(
    'INSERT INTO adopted_object (fingerprint, tenant_id, key_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [fingerprint, tenantId, keyId],
  );
  // Whose it is, nobody is told.
  if (claimed === 0)
    throw new AppError('key_exists', { detail: 'A key with this public key was adopted already.' });
}
