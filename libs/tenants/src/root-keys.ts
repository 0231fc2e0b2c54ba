import { constantTimeEqual, platformKeyBinding, type RootWrapper, type SealBinding } from '#crypto';

import type { AuditLog } from '#audit';
import { pgCode, type Database, type Transaction } from '#database';
import { AppError, PLATFORM_CHAIN, type RequestContext } from '#kernel';
import { kekBinding } from './kek-binding.js';

interface WrappedRow {
  root_id: string;
  wrapped: Buffer;
}

/** How many tenants' keys are re-wrapped in one transaction. */
const PAGE = 500;

/** The roots as the database knows them: which exist, what hangs on them, and how to move it to a newer one. */
export class RootKeys {
  constructor(
    private readonly database: Database,
    private readonly root: RootWrapper,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Makes the ring's roots known, so that rows may refer to them. Throws `unavailable` when a root in use is not in
   * the ring, or is there with other bytes: better no start than data that does not open.
   */
  async register(): Promise<void> {
    await this.database.system('root-key register', async (tx) => {
      for (const id of this.root.ids()) {
        await tx.query('INSERT INTO root_key (id, check_value) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING', [
          id,
          this.root.checkValue(id),
        ]);
      }
      const known = await tx.query<{ id: string; check_value: Buffer; used: boolean }>(`
        SELECT r.id, r.check_value,
               EXISTS (SELECT 1 FROM tenant_kek k WHERE k.root_id = r.id)
               OR EXISTS (SELECT 1 FROM platform_key p WHERE p.root_id = r.id) AS used
          FROM root_key r`);
      for (const row of known) this.#check(row.id, row.check_value, row.used);
    });
  }

  /**
   * Re-wraps everything that hangs on older roots under the active one, page by page, beside running processes.
   * Private keys are not touched. Gives how many keys moved.
   */
  async rotate(ctx: RequestContext): Promise<number> {
    await this.register();
    let moved = await this.database.system('root-key rotate platform', (tx) => this.#rewrapPlatform(tx));
    for (let page = PAGE; page === PAGE; moved += page) {
      page = await this.database.system('root-key rotate', (tx) => this.#rewrapPage(tx));
    }
    await this.#record(ctx, 'platform.root-key.rotate', { root_id: this.root.activeId, moved });
    return moved;
  }

  /** Forgets a root. Throws `key_state` while a row uses it or it is the active one. */
  async remove(ctx: RequestContext, id: string): Promise<void> {
    if (id === this.root.activeId) {
      throw new AppError('key_state', {
        detail: `Root ${id} is the active one; add another and rotate first.`,
      });
    }
    try {
      await this.database.system('root-key remove', async (tx) => {
        const removed = await tx.execute('DELETE FROM root_key WHERE id = $1', [id]);
        if (removed === 0) throw new AppError('not_found', { detail: `There is no root ${id}.` });
        await this.audit.appendIn(tx, ctx, PLATFORM_CHAIN, {
          action: 'platform.root-key.remove',
          outcome: 'success',
          detail: { root_id: id },
        });
      });
    } catch (error) {
      if (pgCode(error) !== '23503') throw error;
      throw new AppError('key_state', {
        detail: `Root ${id} is still in use; run \`claviger root-key rotate\` first.`,
      });
    }
  }

  #check(id: string, checkValue: Buffer, used: boolean): void {
    if (!this.root.ids().includes(id)) {
      if (!used) return;
      throw new AppError('unavailable', { detail: `Root key ${id} is in use but not in the root key ring.` });
    }
    if (constantTimeEqual(this.root.checkValue(id), checkValue)) return;
    throw new AppError('unavailable', {
      detail: `Root key ${id} in the ring is not the one that the database was made with.`,
    });
  }

  async #rewrapPage(tx: Transaction): Promise<number> {
    const rows = await tx.query<WrappedRow & { tenant_id: string; version: number }>(
      `SELECT tenant_id, version, root_id, wrapped FROM tenant_kek WHERE root_id <> $1
        ORDER BY tenant_id, version LIMIT ${PAGE} FOR UPDATE`,
      [this.root.activeId],
    );
    for (const row of rows) {
      const { rootId, wrapped } = this.#rewrap(kekBinding(row.tenant_id, row.version), row);
      await tx.query(
        'UPDATE tenant_kek SET root_id = $1, wrapped = $2 WHERE tenant_id = $3 AND version = $4',
        [rootId, wrapped, row.tenant_id, row.version],
      );
    }
    return rows.length;
  }

  async #rewrapPlatform(tx: Transaction): Promise<number> {
    const rows = await tx.query<WrappedRow & { name: string }>(
      'SELECT name, root_id, wrapped FROM platform_key WHERE root_id <> $1 FOR UPDATE',
      [this.root.activeId],
    );
    for (const row of rows) {
      const { rootId, wrapped } = this.#rewrap(platformKeyBinding(row.name), row);
      await tx.query('UPDATE platform_key SET root_id = $1, wrapped = $2 WHERE name = $3', [
        rootId,
        wrapped,
        row.name,
      ]);
    }
    return rows.length;
  }

  #rewrap(binding: SealBinding, row: WrappedRow): ReturnType<RootWrapper['wrap']> {
    const key = this.root.unwrap(row.root_id, binding, row.wrapped);
    try {
      return this.root.wrap(binding, key);
    } finally {
      key.wipe();
    }
  }

  #record(
    ctx: RequestContext,
    action: 'platform.root-key.rotate',
    detail: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.append(ctx, PLATFORM_CHAIN, { action, outcome: 'success', detail });
  }
}
