import { findKeySpec, type KeySpec, type OaepHash, type SealBinding } from '#crypto';
import type { Transaction } from '#database';

/** Where the wrapping key is, and with it the private key in clear. */
export type WrappingPlace =
  /** The RSA key's PrivateKeyInfo, sealed. */
  | { readonly wrappingKey: Buffer }
  /** It is in the engine, under the token's id; keys are wrapped for it by that hash. */
  | { readonly wrappingKey?: undefined; readonly hash: OaepHash; readonly spec: KeySpec };

/** A one-time wrapping key that an import has taken to itself. */
export type ClaimedToken = WrappingPlace & {
  readonly engineId: string;
  /** The kind of the key to come, if it was said. */
  readonly spec?: KeySpec | undefined;
};

export type NewImportToken = ClaimedToken & { readonly tenantId: string; readonly tokenId: string };

export const TOKEN_LIFE_HOURS = 24;
export const MAX_OPEN_TOKENS = 5;
const MAX_FAILURES = 5;
/** An import takes less; one that was killed keeps its token so long. */
const CLAIM_S = 120;
/** Of `TokenRow`. */
const TOKEN_COLUMNS = 'engine_id, algorithm, size, wrapping_key, oaep_hash';

/** How long a wrapping key in an engine lives, in seconds: an import that begins in time still finds it. */
export const WRAPPING_KEY_LIFE_S = TOKEN_LIFE_HOURS * 3600 + CLAIM_S;

/** What a wrapping key of this service's own is sealed for. */
export const wrappingKeyBinding = (tenantId: string, tokenId: string): SealBinding => ({
  tenantId,
  purpose: 'import-wrapping-key',
  objectId: tokenId,
  version: 1,
});

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
  { tenantId, tokenId, engineId, spec, ...place }: NewImportToken,
): Promise<Date | undefined> {
  // Two at once would both find room for one.
  await tx.query(`SELECT pg_advisory_xact_lock(4827305, hashtext($1))`, [tenantId]);
  if ((await countOpenTokens(tx, tenantId)) >= MAX_OPEN_TOKENS) return undefined;
  const [row] = await tx.query<{ expires_ts: Date }>(
    `INSERT INTO import_token (tenant_id, token_id, engine_id, algorithm, size, wrapping_key, oaep_hash, expires_ts)
     VALUES ($1, $2, $3, $4, $5, $6, $7, now() + interval '${TOKEN_LIFE_HOURS} hours') RETURNING expires_ts`,
    [
      ...[tenantId, tokenId, engineId, spec?.algorithm ?? null, spec?.size ?? null],
      ...(place.wrappingKey ? [place.wrappingKey, null] : [null, place.hash]),
    ],
  );
  return row!.expires_ts;
}

/** Looks at a token, and whether an import has it at the moment; undefined where it is unknown or expired. */
export async function findToken(
  tx: Transaction,
  tenantId: string,
  tokenId: string,
): Promise<(ClaimedToken & { readonly isInUse: boolean }) | undefined> {
  const [row] = await tx.query<TokenRow & { in_use: boolean }>(
    `SELECT ${TOKEN_COLUMNS}, claimed_ts IS NOT NULL AND claimed_ts >= now() AS in_use FROM import_token
      WHERE tenant_id = $1 AND token_id = $2 AND expires_ts > now()`,
    [tenantId, tokenId],
  );
  return row && { ...tokenOf(row), isInUse: row.in_use };
}

/** Takes a token for one import; undefined where it is unknown, expired, or taken by another. */
export async function claimToken(
  tx: Transaction,
  tenantId: string,
  tokenId: string,
): Promise<ClaimedToken | undefined> {
  const [row] = await tx.query<TokenRow>(
    `UPDATE import_token SET claimed_ts = now() + interval '${CLAIM_S} seconds'
      WHERE tenant_id = $1 AND token_id = $2 AND expires_ts > now() AND (claimed_ts IS NULL OR claimed_ts < now())
     RETURNING ${TOKEN_COLUMNS}`,
    [tenantId, tokenId],
  );
  return row && tokenOf(row);
}

interface TokenRow {
  engine_id: string;
  algorithm: string | null;
  size: number | null;
  wrapping_key: Buffer | null;
  oaep_hash: OaepHash | null;
}

function tokenOf(row: TokenRow): ClaimedToken {
  const engineId = row.engine_id;
  const spec = row.algorithm === null ? undefined : findKeySpec(row.algorithm, row.size ?? undefined);
  // A table's constraint: what is not here is in the engine, with its hash and kind.
  return row.wrapping_key
    ? { engineId, spec, wrappingKey: row.wrapping_key }
    : { engineId, spec: spec!, hash: row.oaep_hash! };
}

/** Uses a token up. Gives whether it was there. */
export async function useUpToken(tx: Transaction, tenantId: string, tokenId: string): Promise<boolean> {
  const used = await tx.execute('DELETE FROM import_token WHERE tenant_id = $1 AND token_id = $2', [
    tenantId,
    tokenId,
  ]);
  return used === 1;
}

/** Gives a token back after an import that failed. The fifth that was the caller's fault uses it up: true. */
export async function giveTokenBack(
  tx: Transaction,
  tenantId: string,
  tokenId: string,
  wasCallersFault: boolean,
): Promise<boolean> {
  await tx.query(
    `UPDATE import_token SET claimed_ts = NULL, failures = failures + $3 WHERE tenant_id = $1 AND token_id = $2`,
    [tenantId, tokenId, wasCallersFault ? 1 : 0],
  );
  const used = await tx.execute(
    `DELETE FROM import_token WHERE tenant_id = $1 AND token_id = $2 AND failures >= ${MAX_FAILURES}`,
    [tenantId, tokenId],
  );
  return used === 1;
}
