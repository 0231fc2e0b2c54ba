import type { Transaction } from '#database';
import type { EngineReconciliation } from './engine-reconciliation.js';

/** A stored key as it should be found in its device. */
export interface StoredObject {
  readonly keyId: string;
  readonly handle: Buffer;
  readonly creationTs: Date;
  /** Made a moment ago, or being destroyed: a device need not show it. */
  readonly isUnsettled: boolean;
}

/** Some devices show what was made or destroyed a little later everywhere. */
const SETTLING = `interval '5 minutes'`;
const PAGE = 1_000;
/** A process that compares, and is not heard of again, is taken for dead after so long. */
const LEASE = `interval '1 hour'`;

const hoursFromNow = (placeholder: string): string =>
  `CASE WHEN ${placeholder}::int > 0 THEN now() + ${placeholder}::int * interval '1 hour' ELSE 'infinity' END`;

/** As the system role: the tenants that have keys in an engine. */
export async function listTenantsOf(tx: Transaction, engineId: string): Promise<string[]> {
  const rows = await tx.query<{ tenant_id: string }>('SELECT tenant_id FROM engine_tenants($1)', [engineId]);
  return rows.map((row) => row.tenant_id);
}

/** The next keys of a tenant in an engine, in the order of their creation; at the end an empty page. */
export async function listStoredObjects(
  tx: Transaction,
  tenantId: string,
  engineId: string,
  after: StoredObject | undefined,
): Promise<StoredObject[]> {
  return tx.query<StoredObject>(
    `SELECT k.key_id AS "keyId", h.handle, k.creation_ts AS "creationTs",
            k.creation_ts > now() - ${SETTLING}
              OR k.state = 'pending_deletion' AND k.deletion_ts <= now() AS "isUnsettled"
       FROM kms_key k JOIN key_handle h USING (tenant_id, key_id)
      WHERE k.tenant_id = $1 AND k.engine_id = $2 AND k.state <> 'destroyed'
        AND (k.creation_ts, k.key_id) > ($3::timestamptz, $4)
      ORDER BY k.creation_ts, k.key_id LIMIT ${PAGE}`,
    [tenantId, engineId, after?.creationTs ?? '-infinity', after?.keyId ?? ''],
  );
}

/** Those of the ids under which the tenant has a key, had one a moment ago, or is having one made. */
export async function listSpokenFor(
  tx: Transaction,
  tenantId: string,
  keyIds: readonly string[],
): Promise<string[]> {
  // One statement: what is being made is an intent or a key at any instant.
  const rows = await tx.query<{ id: string }>(
    `SELECT id FROM unnest($2::text[]) AS id
      WHERE EXISTS (SELECT 1 FROM key_intent i WHERE i.tenant_id = $1 AND i.key_id = id)
         OR EXISTS (SELECT 1 FROM kms_key k WHERE k.tenant_id = $1 AND k.key_id = id
                       AND (k.state <> 'destroyed' OR k.destroyed_ts > now() - ${SETTLING}))`,
    [tenantId, keyIds],
  );
  return rows.map(({ id }) => id);
}

/** As the system role: takes an engine that is due, by compare and set. Gives whether it was, and nobody else has it. */
export async function claimDueEngine(
  tx: Transaction,
  engineId: string,
  everyHours: number,
): Promise<boolean> {
  await tx.query(
    `INSERT INTO engine_reconciliation AS r (engine_id, due_ts) VALUES ($1, ${hoursFromNow('$2')})
     ON CONFLICT (engine_id) DO UPDATE SET due_ts = excluded.due_ts WHERE r.due_ts > excluded.due_ts`,
    [engineId, everyHours],
  );
  const claimed = await tx.execute(
    `UPDATE engine_reconciliation SET due_ts = now() + ${LEASE} WHERE engine_id = $1 AND due_ts <= now()`,
    [engineId],
  );
  return claimed === 1;
}

/** As the system role. */
export const storeReport = (
  tx: Transaction,
  report: EngineReconciliation,
  everyHours: number,
): Promise<unknown> =>
  tx.query(
    `INSERT INTO engine_reconciliation (engine_id, due_ts, report) VALUES ($1, ${hoursFromNow('$2')}, $3)
     ON CONFLICT (engine_id) DO UPDATE SET due_ts = excluded.due_ts, report = excluded.report`,
    [report.engine_id, everyHours, JSON.stringify(report)],
  );

/** As the system role; the last one, if there was any. */
export async function findReport(
  tx: Transaction,
  engineId: string,
): Promise<EngineReconciliation | undefined> {
  const [row] = await tx.query<{ report: EngineReconciliation | null }>(
    'SELECT report FROM engine_reconciliation WHERE engine_id = $1',
    [engineId],
  );
  return row?.report ?? undefined;
}

/** As the system role: an engine that is removed leaves nothing to one that is registered under its id later. */
export const removeReport = (tx: Transaction, engineId: string): Promise<number> =>
  tx.execute('DELETE FROM engine_reconciliation WHERE engine_id = $1', [engineId]);
