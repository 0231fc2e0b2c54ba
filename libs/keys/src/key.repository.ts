import { isUniqueViolation, type Transaction } from '#database';
import { AppError, type RequestContext } from '#kernel';
import { parseKeyReference, type KeyReference } from './key-reference.js';
import { termsOf } from './key-terms.js';
import { isVisible } from './key-visibility.js';
import { KeyEntity } from './key.entity.js';

/** One answer for unknown, foreign, destroyed and hidden keys. */
export const unknownKey = (): AppError => new AppError('not_found', { detail: 'There is no such key.' });

export interface FindOptions {
  /** Lock the row until the transaction ends. */
  readonly lock?: boolean;
}

/** Finds a live key of the transaction's tenant that the principal may know of. */
export async function findKey(
  tx: Transaction,
  ctx: RequestContext,
  ref: string,
  options: FindOptions = {},
): Promise<KeyEntity | undefined> {
  const reference = parseKeyReference(ref);
  if (!reference) return undefined;
  const query = tx.manager
    .createQueryBuilder(KeyEntity, 'k')
    .where('k.tenantId = :tenant', { tenant: ctx.tenantId })
    .andWhere(`k.state <> 'destroyed'`);
  if (reference.kind === 'id') query.andWhere('k.keyId = :id', { id: reference.keyId });
  else {
    query.andWhere(
      'k.keyId = (SELECT a.key_id FROM key_alias a WHERE a.tenant_id = :tenant AND a.alias = :alias)',
      { alias: reference.alias },
    );
  }
  if (options.lock) query.setLock('pessimistic_write');
  const key = await query.getOne();
  return key && matches(key, reference) && isVisible(ctx, key) ? key : undefined;
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

// An alias that moved while we waited for the row's lock names another key by now.
const matches = (key: KeyEntity, reference: KeyReference): boolean =>
  reference.kind === 'alias'
    ? key.aliases.includes(reference.alias)
    : reference.engineId === undefined || reference.engineId === key.engineId;

export type NewKey = Omit<
  KeyEntity,
  'state' | 'creationTs' | 'updatedTs' | 'version' | 'rotatedTo' | 'destroyedTs'
>;

/** Stores a new enabled key with its handle. Throws `key_exists` when the tenant has its public key already. */
export async function insertKey(
  tx: Transaction,
  ctx: RequestContext,
  values: NewKey,
  handle: Buffer | undefined,
): Promise<KeyEntity> {
  await tx.query('SAVEPOINT insert_key');
  try {
    await tx.manager.insert(KeyEntity, { ...values, state: 'enabled', version: 1 } as never);
  } catch (error) {
    if (!isUniqueViolation(error, 'kms_key_fingerprint')) throw error;
    await tx.query('ROLLBACK TO SAVEPOINT insert_key');
    throw await keyExists(tx, ctx, values.fingerprint);
  }
  const key = await tx.manager.findOneByOrFail(KeyEntity, { tenantId: values.tenantId, keyId: values.keyId });
  if (handle) {
    await tx.query('INSERT INTO key_handle (tenant_id, key_id, handle) VALUES ($1, $2, $3)', [
      key.tenantId,
      key.keyId,
      handle,
    ]);
  }
  await writeTerms(tx, [], key);
  return key;
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
  Pick<KeyEntity, 'name' | 'aliases' | 'tags' | 'metadata' | 'state' | 'rotatedTo' | 'destroyedTs'>
>;

/** Writes `change` to a locked key, moving its version on; gives the key as it is now. */
export async function updateKey(tx: Transaction, key: KeyEntity, change: Change): Promise<KeyEntity> {
  const id = { tenantId: key.tenantId, keyId: key.keyId };
  await tx.manager.update(KeyEntity, id, {
    ...change,
    updatedTs: () => 'now()',
    version: key.version + 1,
  } as never);
  if (change.aliases) await writeAliases(tx, key, change.aliases);
  const updated = await tx.manager.findOneByOrFail(KeyEntity, id);
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
