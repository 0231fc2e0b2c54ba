import type { Transaction } from '#database';

/** A one-time wrapping key that an import has taken to itself. */
export interface ClaimedToken {
  readonly engineId: string;
  /** The RSA key's PrivateKeyInfo, sealed. */
  readonly wrappingKey: Buffer;
}

export interface NewImportToken extends ClaimedToken {
  readonly tenantId: string;
  readonly tokenId: string;
}

export const TOKEN_LIFE_HOURS = 24;
export const MAX_OPEN_TOKENS = 5;
const MAX_FAILURES = 5;
/** An import takes less; one that was killed keeps its token so long. */
const CLAIM_S = 120;

/** Tokens that can still be used; those that cannot are removed on the way. */
export async function countOpenTokens(tx: Transaction, tenantId: string): Promise<number> {
  await tx.query('DELETE FROM import_token WHERE tenant_id = $1 AND expires_ts <= now()', [tenantId]);
  const [row] = await tx.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM import_token WHERE tenant_id = $1',
    [tenantId],
  );
  return row!.n;
}

/** Gives when it expires; undefined where the tenant has as many open ones as it may. */
export async function insertToken(
  tx: Transaction,
  { tenantId, tokenId, engineId, wrappingKey }: NewImportToken,
): Promise<Date | undefined> {
  // Two at once would both find room for one.
  await tx.query(`SELECT pg_advisory_xact_lock(4827305, hashtext($1))`, [tenantId]);
  if ((await countOpenTokens(tx, tenantId)) >= MAX_OPEN_TOKENS) return undefined;
  const [row] = await tx.query<{ expires_ts: Date }>(
    `INSERT INTO import_token (tenant_id, token_id, engine_id, wrapping_key, expires_ts)
     VALUES ($1, $2, $3, $4, now() + interval '${TOKEN_LIFE_HOURS} hours') RETURNING expires_ts`,
    [tenantId, tokenId, engineId, wrappingKey],
  );
  return row!.expires_ts;
}

/** Looks at a token, and whether an import has it at the moment; undefined where it is unknown or expired. */
export async function findToken(
  tx: Transaction,
  tenantId: string,
  tokenId: string,
): Promise<{ readonly engineId: string; readonly isInUse: boolean } | undefined> {
  const [row] = await tx.query<{ engine_id: string; in_use: boolean }>(
    `SELECT engine_id, claimed_ts IS NOT NULL AND claimed_ts >= now() AS in_use FROM import_token
      WHERE tenant_id = $1 AND token_id = $2 AND expires_ts > now()`,
    [tenantId, tokenId],
  );
  return row && { engineId: row.engine_id, isInUse: row.in_use };
}

/** Takes a token for one import; undefined where it is unknown, expired, or taken by another. */
export async function claimToken(
  tx: Transaction,
  tenantId: string,
  tokenId: string,
): Promise<ClaimedToken | undefined> {
  const [row] = await tx.query<{ engine_id: string; wrapping_key: Buffer }>(
    `UPDATE import_token SET claimed_ts = now() + interval '${CLAIM_S} seconds'
      WHERE tenant_id = $1 AND token_id = $2 AND expires_ts > now() AND (claimed_ts IS NULL OR claimed_ts < now())
     RETURNING engine_id, wrapping_key`,
    [tenantId, tokenId],
  );
  return row && { engineId: row.engine_id, wrappingKey: row.wrapping_key };
}

/** Uses a token up. Gives whether it was there. */
export async function useUpToken(tx: Transaction, tenantId: string, tokenId: string): Promise<boolean> {
  const used = await tx.execute('DELETE FROM import_token WHERE tenant_id = $1 AND token_id = $2', [
    tenantId,
    tokenId,
  ]);
  return used === 1;
}

/** Gives a token back after an import that failed; the fifth that was the caller's fault uses it up. */
export async function giveTokenBack(
  tx: Transaction,
  tenantId: string,
  tokenId: string,
  wasCallersFault: boolean,
): Promise<void> {
  await tx.query(
    `UPDATE import_token SET claimed_ts = NULL, failures = failures + $3 WHERE tenant_id = $1 AND token_id = $2`,
    [tenantId, tokenId, wasCallersFault ? 1 : 0],
  );
  await tx.query(
    `DELETE FROM import_token WHERE tenant_id = $1 AND token_id = $2 AND failures >= ${MAX_FAILURES}`,
    [tenantId, tokenId],
  );
}
