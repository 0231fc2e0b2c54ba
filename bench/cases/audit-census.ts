import type { Stage } from '../stage.js';

/** How many uses of keys the log has recorded of a tenant. */
export async function countUses(stage: Stage, tenant: string, action = 'kms.key.sign'): Promise<number> {
  const { rows } = await stage.owner.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM audit_event WHERE tenant_id = $1 AND action = $2',
    [tenant, action],
  );
  return rows[0]?.count ?? 0;
}
