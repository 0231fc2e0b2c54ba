import { KeyEntity, type KeyOrigin, type KeyState, type Metadata } from './key.entity.js';

/** A key as a plain statement gives it. */
export interface KeyRow {
  tenant_id: string;
  key_id: string;
  name: string;
  engine_id: string;
  algorithm: string;
  size: number;
  has_private_key: boolean;
  spki: Buffer;
  fingerprint: string;
  state: KeyState;
  origin: KeyOrigin;
  aliases: string[];
  tags: string[];
  metadata: Metadata;
  creation_ts: Date;
  updated_ts: Date;
  version: number;
  rotated_from: string | null;
  rotated_to: string | null;
  deletion_ts: Date | null;
  destroyed_ts: Date | null;
  last_used_ts: Date | null;
}

/** The columns of `KeyRow` that are of `kms_key k`. */
export const KEY_COLUMNS =
  'k.tenant_id, k.key_id, k.name, k.engine_id, k.algorithm, k.size, k.has_private_key, k.spki, k.fingerprint, k.state, ' +
  'k.origin, k.aliases, k.tags, k.metadata, k.creation_ts, k.updated_ts, k.version, k.rotated_from, k.rotated_to, ' +
  'k.deletion_ts, k.destroyed_ts';

export const keyFromRow = (row: KeyRow): KeyEntity =>
  Object.assign(new KeyEntity(), {
    tenantId: row.tenant_id,
    keyId: row.key_id,
    name: row.name,
    engineId: row.engine_id,
    algorithm: row.algorithm,
    size: row.size,
    hasPrivateKey: row.has_private_key,
    spki: row.spki,
    fingerprint: row.fingerprint,
    state: row.state,
    origin: row.origin,
    aliases: row.aliases,
    tags: row.tags,
    metadata: row.metadata,
    creationTs: row.creation_ts,
    updatedTs: row.updated_ts,
    version: row.version,
    rotatedFrom: row.rotated_from,
    rotatedTo: row.rotated_to,
    deletionTs: row.deletion_ts,
    destroyedTs: row.destroyed_ts,
  });
