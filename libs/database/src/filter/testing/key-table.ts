import { sha256Hex } from '#crypto';
import type { ListResource } from '../list-resource.js';
import { aliasTerm, metadataTerm, tagTerm } from '../terms.js';

/** Tables like the key plane's, as far as listings read them. */
export const SCHEMA = `
  CREATE TABLE kms_key (
    tenant_id       text COLLATE "C" NOT NULL,
    key_id          text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    algorithm       text COLLATE "C" NOT NULL,
    size            integer NOT NULL,
    has_private_key boolean NOT NULL,
    state           text COLLATE "C" NOT NULL,
    fingerprint     text COLLATE "C",
    aliases         text[] NOT NULL,
    tags            text[] NOT NULL,
    metadata        jsonb NOT NULL,
    creation_ts     timestamptz(3) NOT NULL,
    updated_ts      timestamptz(3) NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
  );
  CREATE TABLE key_term (
    tenant_id   text COLLATE "C" NOT NULL,
    term        text COLLATE "C" NOT NULL,
    creation_ts timestamptz(3) NOT NULL,
    key_id      text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, term, creation_ts, key_id)
  );
  CREATE TABLE key_use (
    tenant_id    text COLLATE "C" NOT NULL,
    key_id       text COLLATE "C" NOT NULL,
    last_used_ts timestamptz(3) NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
  );
  CREATE INDEX kms_key_creation ON kms_key (tenant_id, creation_ts, key_id) WHERE state <> 'destroyed';
  CREATE INDEX kms_key_name ON kms_key (tenant_id, name COLLATE "C", key_id) WHERE state <> 'destroyed';
  CREATE INDEX kms_key_algorithm ON kms_key (tenant_id, algorithm, creation_ts, key_id) WHERE state <> 'destroyed';`;

/** Row-level security as in the product: forced, by the tenant of the transaction. */
export const ISOLATION = ['kms_key', 'key_term', 'key_use']
  .map(
    (table) => `
      ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
      ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenant_isolation ON ${table} TO app
        USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''));
      GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO app;`,
  )
  .join('\n');

/** A listing of that table with a field of every kind. */
export const KEYS: ListResource = {
  from: 'kms_key k',
  tenantColumn: 'k.tenant_id',
  columns: 'k.key_id, k.name',
  id: { column: 'k.key_id', type: 'text' },
  fields: {
    key_id: { kind: 'string', column: 'k.key_id' },
    name: { kind: 'string', column: 'k.name' },
    algorithm: { kind: 'string', column: 'k.algorithm' },
    fingerprint: { kind: 'string', column: 'k.fingerprint' },
    size: { kind: 'number', column: 'k.size' },
    has_private_key: { kind: 'boolean', column: 'k.has_private_key' },
    creation_ts: { kind: 'date', column: 'k.creation_ts' },
    last_used_ts: {
      kind: 'date',
      column:
        '(SELECT u.last_used_ts FROM key_use u WHERE u.tenant_id = k.tenant_id AND u.key_id = k.key_id)',
    },
    tags: { kind: 'list', column: 'k.tags', term: tagTerm },
    aliases: { kind: 'list', column: 'k.aliases', term: aliasTerm },
    metadata: {
      kind: 'json',
      column: 'k.metadata',
      term: (path, value) => metadataTerm(path, value, sha256Hex),
    },
  },
  sorts: {
    creation_ts: { column: 'k.creation_ts', type: 'timestamptz' },
    name: { column: 'k.name', type: 'text' },
    key_id: { column: 'k.key_id', type: 'text' },
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
};
