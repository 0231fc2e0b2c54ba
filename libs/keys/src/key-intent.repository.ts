import type { Transaction } from '#database';

/** A key that is being made in an engine: known before the engine is asked, gone once the key is stored. */
export interface KeyIntent {
  readonly tenantId: string;
  readonly keyId: string;
  readonly engineId: string;
}

/** How long an intent is its maker's without being renewed. */
export const INTENT_LIFE_MS = 30_000;

const DUE = `now() + interval '${INTENT_LIFE_MS} milliseconds'`;

/**
 * Writes an intent, or takes over one whose maker has not renewed it. Gives whether it did the one or the other;
 * undefined where another maker is at work, or has made the key. Holds the engine's row against its removal until the
 * transaction ends.
 */
export async function writeIntent(
  tx: Transaction,
  { tenantId, keyId, engineId }: KeyIntent,
  attemptId: string,
  isRegistered: boolean,
): Promise<'new' | 'taken over' | undefined> {
  const [row] = await tx.query<{ is_new: boolean }>(
    `INSERT INTO key_intent AS i (tenant_id, key_id, engine_id, registered, attempt_id, due_ts)
     VALUES ($1, $2, $3, CASE WHEN $5 THEN $3 END, $4, ${DUE})
     ON CONFLICT (tenant_id, key_id) DO UPDATE SET attempt_id = excluded.attempt_id, due_ts = excluded.due_ts
           WHERE i.due_ts < now() AND i.engine_id = excluded.engine_id
     RETURNING xmax = 0 AS is_new`,
    [tenantId, keyId, engineId, attemptId, isRegistered],
  );
  // Looked for after the insertion, which waits for a maker that is just storing the key: what is discarded under this
  // id from here on is never a key that is stored.
  const [made] = await tx.query('SELECT 1 FROM kms_key WHERE tenant_id = $1 AND key_id = $2', [
    tenantId,
    keyId,
  ]);
  if (made) return undefined;
  return row && (row.is_new ? 'new' : 'taken over');
}

/**
 * Writes an intent to discard what is nobody's. Gives whether it did: not where there is a key, or another intent. It
 * waits for a maker that is just storing the key, and no other begins while it stands.
 */
export async function writeOrphanIntent(
  tx: Transaction,
  { tenantId, keyId, engineId }: KeyIntent,
  attemptId: string,
  isRegistered: boolean,
): Promise<boolean> {
  const written = await tx.execute(
    `INSERT INTO key_intent (tenant_id, key_id, engine_id, registered, attempt_id, due_ts)
     VALUES ($1, $2, $3, CASE WHEN $5 THEN $3 END, $4, ${DUE}) ON CONFLICT DO NOTHING`,
    [tenantId, keyId, engineId, attemptId, isRegistered],
  );
  if (written === 0) return false;
  const taken = await tx.execute(
    `DELETE FROM key_intent WHERE tenant_id = $1 AND key_id = $2
        AND EXISTS (SELECT 1 FROM kms_key k WHERE k.tenant_id = $1 AND k.key_id = $2 AND k.state <> 'destroyed')`,
    [tenantId, keyId],
  );
  return taken === 0;
}

/** Moves the time on when others may take the intent over. */
export const renewIntent = (
  tx: Transaction,
  { tenantId, keyId }: KeyIntent,
  attemptId: string,
): Promise<number> =>
  tx.execute(
    `UPDATE key_intent SET due_ts = ${DUE} WHERE tenant_id = $1 AND key_id = $2 AND attempt_id = $3`,
    [tenantId, keyId, attemptId],
  );

/** Takes an intent from its maker: from `attemptId`, or from whomever once it is due. Gives whether it could. */
export async function claimIntent(
  tx: Transaction,
  { tenantId, keyId }: KeyIntent,
  from: string | undefined,
  attemptId: string,
): Promise<boolean> {
  const claimed = await tx.execute(
    `UPDATE key_intent SET attempt_id = $4, due_ts = ${DUE}
      WHERE tenant_id = $1 AND key_id = $2 AND (attempt_id = $3 OR $3::uuid IS NULL AND due_ts < now())`,
    [tenantId, keyId, from ?? null, attemptId],
  );
  return claimed === 1;
}

/**
 * Lets an intent outlive its attempt: what was made is discarded after so many seconds, by whoever comes then. Gives
 * whether it was still this attempt's, whose it is no longer: a renewal that comes late must not shorten it.
 */
export async function keepIntent(
  tx: Transaction,
  { tenantId, keyId }: KeyIntent,
  attemptId: string,
  lifeS: number,
): Promise<boolean> {
  const kept = await tx.execute(
    `UPDATE key_intent SET attempt_id = gen_random_uuid(), due_ts = now() + make_interval(secs => $4)
      WHERE tenant_id = $1 AND key_id = $2 AND attempt_id = $3`,
    [tenantId, keyId, attemptId, lifeS],
  );
  return kept === 1;
}

/** Makes an intent due, if there is one: what it was kept for is to be discarded. */
export const dueIntent = (
  tx: Transaction,
  { tenantId, keyId }: Omit<KeyIntent, 'engineId'>,
): Promise<number> =>
  tx.execute(`UPDATE key_intent SET due_ts = '-infinity' WHERE tenant_id = $1 AND key_id = $2`, [
    tenantId,
    keyId,
  ]);

/** Ends an intent. Gives whether it was still this attempt's. */
export async function endIntent(
  tx: Transaction,
  { tenantId, keyId }: KeyIntent,
  attemptId: string,
): Promise<boolean> {
  const ended = await tx.execute(
    'DELETE FROM key_intent WHERE tenant_id = $1 AND key_id = $2 AND attempt_id = $3',
    [tenantId, keyId, attemptId],
  );
  return ended === 1;
}

/** Some of the intents whose makers are gone, of all tenants, in no order; as the system role. */
export async function listDueIntents(tx: Transaction, limit: number): Promise<KeyIntent[]> {
  const rows = await tx.query<{ tenant_id: string; key_id: string; engine_id: string }>(
    'SELECT tenant_id, key_id, engine_id FROM key_intent WHERE due_ts < now() ORDER BY random() LIMIT $1',
    [limit],
  );
  return rows.map((row) => ({ tenantId: row.tenant_id, keyId: row.key_id, engineId: row.engine_id }));
}
