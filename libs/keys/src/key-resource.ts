import { sha256Hex } from '#crypto';
import { aliasTerm, metadataTerm, tagTerm, type ListResource } from '#database';

const base64 = (bytes: string): string => `translate(encode(${bytes}, 'base64'), E'\\n', '')`;
const PEM = `'-----BEGIN PUBLIC KEY-----' || E'\\n' || rtrim(regexp_replace(${base64('k.spki')}, '(.{64})', E'\\\\1\\n', 'g'), E'\\n') || E'\\n' || '-----END PUBLIC KEY-----' || E'\\n'`;
/** What the API calls `public_key`: base64 of the PEM text. */
const PUBLIC_KEY = base64(`convert_to(${PEM}, 'UTF8')`);
const LAST_USED =
  '(SELECT u.last_used_ts FROM key_use u WHERE u.tenant_id = k.tenant_id AND u.key_id = k.key_id)';

/** Destroyed keys are tombstones and never listed. */
const LIVE = `k.state <> 'destroyed'`;

/** Keys as they are listed: what can be filtered and sorted by, and where that stands. The marks are those of `key_marks()`. */
export const KEY_RESOURCE: ListResource = {
  from: 'kms_key k',
  tenantColumn: 'k.tenant_id',
  listed: LIVE,
  columns: `k.*, ${LAST_USED} AS last_used_ts`,
  id: { column: 'k.key_id', type: 'text' },
  fields: {
    key_id: { kind: 'string', column: 'k.key_id', index: 'unordered' },
    name: { kind: 'string', column: 'k.name', mark: 'n', index: 'unordered' },
    engine_id: { kind: 'string', column: 'k.engine_id', mark: 'e', index: 'ordered' },
    algorithm: { kind: 'string', column: 'k.algorithm', mark: 'g', index: 'ordered' },
    public_key: { kind: 'string', column: PUBLIC_KEY },
    state: { kind: 'string', column: 'k.state', mark: 's', index: 'ordered' },
    origin: { kind: 'string', column: 'k.origin', mark: 'o' },
    fingerprint: { kind: 'string', column: 'k.fingerprint', index: 'unordered' },
    tags: { kind: 'list', column: 'k.tags', term: tagTerm, mark: 't' },
    aliases: { kind: 'list', column: 'k.aliases', term: aliasTerm, mark: 'a' },
    size: { kind: 'number', column: 'k.size', mark: 'z' },
    creation_ts: { kind: 'date', column: 'k.creation_ts' },
    updated_ts: { kind: 'date', column: 'k.updated_ts' },
    last_used_ts: { kind: 'date', column: LAST_USED },
    has_private_key: { kind: 'boolean', column: 'k.has_private_key', mark: 'p' },
    metadata: {
      kind: 'json',
      column: 'k.metadata',
      mark: 'm',
      term: (path, value) => metadataTerm(path, value, sha256Hex),
    },
  },
  sorts: {
    creation_ts: { column: 'k.creation_ts', type: 'timestamptz', indexed: true },
    updated_ts: { column: 'k.updated_ts', type: 'timestamptz', indexed: true },
    name: { column: 'k.name', type: 'text', indexed: true },
    key_id: { column: 'k.key_id', type: 'text', indexed: true },
    algorithm: { column: 'k.algorithm', type: 'text' },
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
