import type { Transaction } from '#database';
import { AppError, type RequestContext } from '#kernel';
import { parseKeyReference, type KeyReference } from './key-reference.js';
import { termsOf } from './key-terms.js';
import { isVisible } from './key-visibility.js';
import { KeyEntity } from './key.entity.js';
import { KEY_COLUMNS, keyFromRow, type KeyRow } from './key-row.js';

/** One answer for unknown, foreign, destroyed and hidden keys. */
export const unknownKey = (): AppError => new AppError('not_found', { detail: 'There is no such key.' });

export interface FindOptions {
  /** Lock the row until the transaction ends. */
  readonly lock?: boolean;
}

const NAMED_BY = {
  id: 'k.key_id = $2',
  alias: 'k.key_id = (SELECT a.key_id FROM key_alias a WHERE a.tenant_id = $1 AND a.alias = $2)',
};

/** What is read beside the key itself, by the name that the statement has for it. */
const BESIDE = {
  key: ['', ''],
  key_and_use: [
    ', u.last_used_ts',
    'LEFT JOIN key_use u ON u.tenant_id = k.tenant_id AND u.key_id = k.key_id',
  ],
  key_and_handle: [
    ', h.handle',
    'LEFT JOIN key_handle h ON h.tenant_id = k.tenant_id AND h.key_id = k.key_id',
  ],
} as const;

type FoundRow = KeyRow & { readonly handle?: Buffer | null };

/** Reads a live key of the transaction's tenant that the principal may know of, and what else is asked for. */
async function findRow(
  tx: Transaction,
  ctx: RequestContext,
  ref: string,
  what: keyof typeof BESIDE,
  { lock = false }: FindOptions = {},
): Promise<{ key: KeyEntity; row: FoundRow } | undefined> {
  const reference = parseKeyReference(ref);
  if (!reference) return undefined;
  const [columns, join] = BESIDE[what];
  const kind = reference.kind === 'alias' ? 'alias' : 'id';
  const [row] = await tx.prepared<FoundRow>(
    `${what}_by_${kind}${lock ? '_locked' : ''}`,
    `SELECT ${KEY_COLUMNS}${columns} FROM kms_key k ${join}
      WHERE k.tenant_id = $1 AND ${NAMED_BY[kind]} AND k.state <> 'destroyed'${lock ? ' FOR UPDATE OF k' : ''}`,
    [ctx.tenantId, reference.kind === 'alias' ? reference.alias : reference.keyId],
  );
  const key = row && keyFromRow(row);
  return key && matches(key, reference) && isVisible(ctx, key) ? { key, row } : undefined;
}

/** Finds a live key of the transaction's tenant that the principal may know of. */
export async function findKey(
  tx: Transaction,
  ctx: RequestContext,
  ref: string,
  options: FindOptions = {},
): Promise<KeyEntity | undefined> {
  return (await findRow(tx, ctx, ref, 'key', options))?.key;
}

/** As `findKey`, with the engine's handle where the key has a private part. */
export async function findStoredKey(
  tx: Transaction,
  ctx: RequestContext,
  ref: string,
): Promise<{ key: KeyEntity; handle: Buffer | undefined } | undefined> {
  const found = await findRow(tx, ctx, ref, 'key_and_handle');
  return found && { key: found.key, handle: found.row.handle ?? undefined };
}

/** As `findKey`, with when it was last used. Throws `not_found`. */
export async function getKeyWithUse(
  tx: Transaction,
  ctx: RequestContext,
  ref: string,
): Promise<{ key: KeyEntity; lastUsedTs: Date | undefined }> {
  const found = await findRow(tx, ctx, ref, 'key_and_use');
  if (!found) throw unknownKey();
  return { key: found.key, lastUsedTs: found.row.last_used_ts ?? undefined };
}

/** As `findKey`, throwing `not_found`. */
export async function getKey(
  tx: Transaction,
  ctx: RequestContext,
  ref: string,
  options: FindOptions = {},
): Promise<KeyEntity> {
  const key = await findKey(tx, ctx, ref, options);
  if (!key) throw unknownKey();
  return key;
}

/** As `findKey`, by key id only, and a destroyed key as well. */
export async function findKeyOrTombstone(
  tx: Transaction,
  ctx: RequestContext,
  keyId: string,
): Promise<KeyEntity | undefined> {
  const key = await tx.manager.findOneBy(KeyEntity, { tenantId: ctx.tenantId, keyId });
  return key && isVisible(ctx, key) ? key : undefined;
}

/** Which of these ids the tenant has keys or tombstones under. */
export async function listMadeKeys(
  tx: Transaction,
  tenantId: string,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await tx.query<{ key_id: string }>(
    'SELECT key_id FROM kms_key WHERE tenant_id = $1 AND key_id = ANY($2::text[])',
    [tenantId, ids],
  );
  return rows.map((row) => row.key_id);
}

// An alias that moved while we waited for the row's lock names another key by now.
const matches = (key: KeyEntity, reference: KeyReference): boolean =>
  reference.kind === 'alias'
    ? key.aliases.includes(reference.alias)
    : reference.engineId === undefined || reference.engineId === key.engineId;

export type NewKey = Omit<
  KeyEntity,
  'state' | 'creationTs' | 'updatedTs' | 'version' | 'rotatedTo' | 'deletionTs' | 'destroyedTs'
>;

/** The key, its handle and what it is found by, in one statement; nothing where the public key is there already. */
const INSERT_KEY = `
  WITH made AS (
    INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint, state,
                         origin, aliases, tags, metadata, rotated_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'enabled', $10, $11, $12, $13, $14)
    ON CONFLICT (tenant_id, fingerprint) WHERE state <> 'destroyed' DO NOTHING
    RETURNING *),
  handle AS (
    INSERT INTO key_handle (tenant_id, key_id, handle)
    SELECT m.tenant_id, m.key_id, $15::bytea FROM made m WHERE $15::bytea IS NOT NULL),
  terms AS (
    INSERT INTO key_term (tenant_id, creation_ts, key_id, term)
    SELECT m.tenant_id, m.creation_ts, m.key_id, t FROM made m, unnest($16::text[]) t)
  SELECT ${KEY_COLUMNS} FROM made k`;

/** Stores a new enabled key with its handle. Throws `key_exists` when the tenant has its public key already. */
export async function insertKey(
  tx: Transaction,
  ctx: RequestContext,
  key: NewKey,
  handle: Buffer | undefined,
): Promise<KeyEntity> {
  const [row] = await tx.prepared<KeyRow>('insert_key', INSERT_KEY, [
    ...[key.tenantId, key.keyId, key.name, key.engineId, key.algorithm, key.size, key.hasPrivateKey],
    ...[key.spki, key.fingerprint, key.origin, key.aliases, key.tags, JSON.stringify(key.metadata)],
    ...[key.rotatedFrom, handle ?? null, termsOf(key)],
  ]);
  if (!row) throw await keyExists(tx, ctx, key.fingerprint);
  return keyFromRow(row);
}

/** Throws `key_exists` when the tenant has the public key already. */
export async function refuseKnownKey(
  tx: Transaction,
  ctx: RequestContext,
  fingerprint: string,
): Promise<void> {
  const [known] = await tx.query(
    `SELECT 1 FROM kms_key WHERE tenant_id = $1 AND fingerprint = $2 AND state <> 'destroyed'`,
    [ctx.tenantId, fingerprint],
  );
  if (known) throw await keyExists(tx, ctx, fingerprint);
}

async function keyExists(tx: Transaction, ctx: RequestContext, fingerprint: string): Promise<AppError> {
  const existing = await tx.manager
    .createQueryBuilder(KeyEntity, 'k')
    .where(`k.tenantId = :tenant AND k.fingerprint = :fingerprint AND k.state <> 'destroyed'`, {
      tenant: ctx.tenantId,
      fingerprint,
    })
    .getOne();
  const shown = existing && isVisible(ctx, existing);
  return new AppError('key_exists', {
    detail: 'A key with this public key exists already.',
    ...(shown && { extensions: { existing_key_id: existing.keyId } }),
  });
}

type Change = Partial<
  Pick<
    KeyEntity,
    'name' | 'aliases' | 'tags' | 'metadata' | 'state' | 'rotatedTo' | 'deletionTs' | 'destroyedTs'
  >
>;

const UPDATE_KEY = `
  UPDATE kms_key k
     SET name = $3, aliases = $4, tags = $5, metadata = $6, state = $7, rotated_to = $8, destroyed_ts = $9,
         version = $10, deletion_ts = $11, updated_ts = now()
   WHERE k.tenant_id = $1 AND k.key_id = $2
  RETURNING ${KEY_COLUMNS}`;

/** Writes `change` to a locked key, moving its version on; gives the key as it is now. */
export async function updateKey(tx: Transaction, key: KeyEntity, change: Change): Promise<KeyEntity> {
  const { name, aliases, tags, metadata, state, rotatedTo, deletionTs, destroyedTs } = { ...key, ...change };
  const [row] = await tx.prepared<KeyRow>('update_key', UPDATE_KEY, [
    ...[key.tenantId, key.keyId, name, aliases, tags, JSON.stringify(metadata), state],
    ...[rotatedTo, destroyedTs, key.version + 1, deletionTs],
  ]);
  if (!row) throw new TypeError('a locked key is gone');
  if (change.aliases) await writeAliases(tx, key, change.aliases);
  const updated = keyFromRow(row);
  await writeTerms(tx, termsOf(key), updated);
  return updated;
}

async function writeAliases(tx: Transaction, key: KeyEntity, aliases: readonly string[]): Promise<void> {
  await tx.query(
    'DELETE FROM key_alias WHERE tenant_id = $1 AND key_id = $2 AND NOT alias = ANY($3::text[])',
    [key.tenantId, key.keyId, aliases],
  );
  const added = aliases.filter((alias) => !key.aliases.includes(alias)).sort();
  const inserted = await tx.execute(
    `INSERT INTO key_alias (tenant_id, alias, key_id) SELECT $1, a, $2 FROM unnest($3::text[]) a
     ON CONFLICT (tenant_id, alias) DO NOTHING`,
    [key.tenantId, key.keyId, added],
  );
  if (inserted !== added.length) {
    throw new AppError('alias_taken', { detail: 'Another key of this tenant has one of these aliases.' });
  }
}

/** Moves the terms of a key from what they were to what they are; by primary key, never by a scan. */
async function writeTerms(tx: Transaction, before: readonly string[], key: KeyEntity): Promise<void> {
  const after = key.state === 'destroyed' ? [] : termsOf(key);
  const position = [key.tenantId, key.creationTs.toISOString(), key.keyId];
  const gone = before.filter((term) => !after.includes(term));
  if (gone.length > 0) {
    await tx.query(
      'DELETE FROM key_term WHERE tenant_id = $1 AND creation_ts = $2 AND key_id = $3 AND term = ANY($4::text[])',
      [...position, gone],
    );
  }
  const added = after.filter((term) => !before.includes(term));
  if (added.length > 0) {
    await tx.query(
      'INSERT INTO key_term (tenant_id, creation_ts, key_id, term) SELECT $1, $2, $3, t FROM unnest($4::text[]) t',
      [...position, added],
    );
  }
}

/** The engine's handle of a key with a private part. */
export async function findHandle(tx: Transaction, key: KeyEntity): Promise<Buffer | undefined> {
  const [row] = await tx.query<{ handle: Buffer }>(
    'SELECT handle FROM key_handle WHERE tenant_id = $1 AND key_id = $2',
    [key.tenantId, key.keyId],
  );
  return row?.handle;
}
