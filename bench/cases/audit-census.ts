import type { Stage } from '../stage.js';

/** How many uses of keys the log has recorded of a tenant. */
export async function countUses(stage: Stage, tenant: string, action = 'kms.key.sign'): Promise<number> {
  const { rows } = await stage.owner.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM audit_event WHERE tenant_id = $1 AND action = $2',
    [tenant, action],
  );
  return rows[0]?.count ?? 0;
}

/** The recorded signatures of a key, and in how many transactions they were committed. */
export async function signaturesOf(
  stage: Stage,
  tenant: string,
  keyId: string,
): Promise<{ records: number; commits: number }> {
  const { rows } = await stage.owner.query<{ records: number; commits: number }>(
    `SELECT count(*)::int AS records, count(DISTINCT xmin::text)::int AS commits FROM audit_event
      WHERE tenant_id = $1 AND key_id = $2 AND action = 'kms.key.sign'`,
    [tenant, keyId],
  );
  return rows[0] ?? { records: 0, commits: 0 };
}
