import { sha256Hex } from '#crypto';
import type { ListResource } from '../list-resource.js';
import { aliasTerm, metadataTerm, tagTerm } from '../terms.js';

/** A listing of the key table with a field of every kind, one of which may be NULL. */
export const KEYS: ListResource = {
  from: 'kms_key k',
  tenantColumn: 'k.tenant_id',
  listed: `k.state <> 'destroyed'`,
  columns: 'k.key_id, k.name',
  id: { column: 'k.key_id', type: 'text' },
  fields: {
    key_id: { kind: 'string', column: 'k.key_id', index: 'unordered' },
    name: { kind: 'string', column: 'k.name', mark: 'n', index: 'unordered' },
    algorithm: { kind: 'string', column: 'k.algorithm', mark: 'g', index: 'ordered' },
    rotated_from: { kind: 'string', column: 'k.rotated_from' },
    size: { kind: 'number', column: 'k.size', mark: 'z' },
    has_private_key: { kind: 'boolean', column: 'k.has_private_key', mark: 'p' },
    creation_ts: { kind: 'date', column: 'k.creation_ts' },
    last_used_ts: {
      kind: 'date',
      column:
        '(SELECT u.last_used_ts FROM key_use u WHERE u.tenant_id = k.tenant_id AND u.key_id = k.key_id)',
    },
    tags: { kind: 'list', column: 'k.tags', term: tagTerm, mark: 't' },
    aliases: { kind: 'list', column: 'k.aliases', term: aliasTerm, mark: 'a' },
    metadata: {
      kind: 'json',
      column: 'k.metadata',
      mark: 'm',
      term: (path, value) => metadataTerm(path, value, sha256Hex),
    },
  },
  sorts: {
    creation_ts: { column: 'k.creation_ts', type: 'timestamptz', indexed: true },
    name: { column: 'k.name', type: 'text', indexed: true },
    key_id: { column: 'k.key_id', type: 'text', indexed: true },
    size: { column: 'k.size', type: 'integer' },
    metadata: { column: 'k.metadata', type: 'jsonb' },
  },
  defaultSort: 'creation_ts',
  terms: {
    table: 'key_term',
    termColumn: 'term',
    sortColumn: 'creation_ts',
    idColumn: 'key_id',
    sort: 'creation_ts',
  },
  matches: { name: 'key_matches' },
};
