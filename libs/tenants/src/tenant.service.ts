import type { AuditLog } from '#audit';
import { constantTimeEqual, newSecretKey, type RootWrapper } from '#crypto';
import { isUniqueViolation, type Database, type Transaction } from '#database';
import { AppError, invalidMember, isTenantId, type RequestContext } from '#kernel';
import { kekBinding } from './kek-binding.js';
import { TenantKekEntity } from './tenant-kek.entity.js';
import { TenantEntity, type TenantState } from './tenant.entity.js';

export interface TenantView {
  tenant_id: string;
  state: TenantState;
  min_deletion_days: number;
  version: number;
  created_ts: string;
  updated_ts: string;
}

/** What an operator can change of a tenant. */
export interface TenantChange {
  /** 0, or 7 to 30. */
  readonly minDeletionDays: number;
}

const viewTenant = (tenant: TenantEntity): TenantView => ({
  tenant_id: tenant.id,
  state: tenant.state,
  min_deletion_days: tenant.minDeletionDays,
  version: tenant.version,
  created_ts: tenant.createdTs.toISOString(),
  updated_ts: tenant.updatedTs.toISOString(),
});

const unknownTenant = (): AppError => new AppError('not_found', { detail: 'There is no such tenant.' });

/** Tenants, as the platform's operators administer them. */
export class TenantService {
  constructor(
    private readonly database: Database,
    private readonly root: RootWrapper,
    private readonly audit: AuditLog,
  ) {}

  /** Makes a tenant with a key-encryption key of its own. Throws `validation_failed`, `tenant_exists`. */
  async create(ctx: RequestContext, id: string): Promise<TenantView> {
    if (!isTenantId(id)) {
      throw invalidMember('tenant_id', 'must be 1 to 63 of a-z 0-9 -, no - at either end');
    }
    const kek = newSecretKey();
    try {
      return await this.database.system('tenant create', async (tx) => {
        const { rootId, wrapped } = this.root.wrap(kekBinding(id, 1), kek);
        await this.#requireKnownRoot(tx, rootId);
        await tx.manager.insert(TenantEntity, { id, state: 'active', minDeletionDays: 0, version: 1 });
        await tx.manager.insert(TenantKekEntity, { tenantId: id, version: 1, rootId, wrapped });
        await this.audit.appendIn(tx, ctx, id, { action: 'platform.tenant.create', outcome: 'success' });
        return viewTenant(await tx.manager.findOneByOrFail(TenantEntity, { id }));
      });
    } catch (error) {
      if (isUniqueViolation(error, 'tenant_pkey')) throw new AppError('tenant_exists');
      throw error;
    } finally {
      kek.wipe();
    }
  }

  /** Throws `not_found`. */
  async get(id: string): Promise<TenantView> {
    if (!isTenantId(id)) throw unknownTenant();
    return this.database.system('tenant get', async (tx) => {
      const tenant = await tx.manager.findOneBy(TenantEntity, { id });
      if (!tenant) throw unknownTenant();
      return viewTenant(tenant);
    });
  }

  /** Tenants after `afterId` in the order of their ids, at most `limit`. */
  list(limit: number, afterId = ''): Promise<TenantView[]> {
    return this.database.system('tenant list', async (tx) => {
      const tenants = await tx.manager
        .createQueryBuilder(TenantEntity, 't')
        .where('t.id > :afterId', { afterId })
        .orderBy('t.id')
        .limit(limit)
        .getMany();
      return tenants.map(viewTenant);
    });
  }

  /** Once this resolves, no signature of the tenant is answered by any process. Throws `not_found`. */
  suspend(ctx: RequestContext, id: string): Promise<TenantView> {
    return this.#switch(ctx, id, 'suspended');
  }

  resume(ctx: RequestContext, id: string): Promise<TenantView> {
    return this.#switch(ctx, id, 'active');
  }

  /** Changes what the operator demands of the tenant. Throws `not_found`. */
  change(ctx: RequestContext, id: string, { minDeletionDays }: TenantChange): Promise<TenantView> {
    if (!isTenantId(id)) throw unknownTenant();
    return this.database.system('tenant change', async (tx) => {
      const [tenant] = await tx.manager.find(TenantEntity, {
        where: { id },
        lock: { mode: 'pessimistic_write' },
      });
      if (!tenant) throw unknownTenant();
      const change = { minDeletionDays, version: tenant.version + 1, updatedTs: () => 'now()' };
      await tx.manager.update(TenantEntity, { id }, change);
      const detail = { min_deletion_days: minDeletionDays };
      await this.audit.appendIn(tx, ctx, id, {
        action: 'platform.tenant.change',
        outcome: 'success',
        detail,
      });
      return viewTenant(await tx.manager.findOneByOrFail(TenantEntity, { id }));
    });
  }

  async #switch(ctx: RequestContext, id: string, state: TenantState): Promise<TenantView> {
    if (!isTenantId(id)) throw unknownTenant();
    return this.database.system(`tenant ${state}`, async (tx) => {
      // Waiting for answers holds up the tenant's signatures: only where something is to be revoked.
      const before = await tx.manager.findOneBy(TenantEntity, { id });
      if (before && before.state !== state && state === 'suspended') await this.audit.awaitAnswers(tx, id);
      const [tenant] = await tx.manager.find(TenantEntity, {
        where: { id },
        lock: { mode: 'pessimistic_write' },
      });
      if (!tenant) throw unknownTenant();
      if (tenant.state === state) return viewTenant(tenant);
      const change = { state, version: tenant.version + 1, updatedTs: () => 'now()' };
      await tx.manager.update(TenantEntity, { id }, change);
      const action = state === 'suspended' ? 'platform.tenant.suspend' : 'platform.tenant.resume';
      await this.audit.appendIn(tx, ctx, id, { action, outcome: 'success' });
      return viewTenant(await tx.manager.findOneByOrFail(TenantEntity, { id }));
    });
  }

  /**
   * The ring may have got the root a moment ago, before anybody registered it; or have other bytes than the others'
   * under its name, and then nobody else could open what it wraps. Throws `unavailable`.
   */
  async #requireKnownRoot(tx: Transaction, rootId: string): Promise<void> {
    const checkValue = this.root.checkValue(rootId);
    await tx.query('INSERT INTO root_key (id, check_value) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING', [
      rootId,
      checkValue,
    ]);
    const [known] = await tx.query<{ check_value: Buffer }>(
      'SELECT check_value FROM root_key WHERE id = $1',
      [rootId],
    );
    if (known && constantTimeEqual(known.check_value, checkValue)) return;
    throw new AppError('unavailable', {
      detail: 'The root key ring of this process is not that of the database.',
    });
  }
}
