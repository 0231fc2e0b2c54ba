import type { FilterFields } from '../filter-field.js';

/** A field of every kind, for specs that touch no database. */
export const FIELDS: FilterFields = {
  name: { kind: 'string', column: 'k.name' },
  algorithm: { kind: 'string', column: 'k.algorithm' },
  size: { kind: 'number', column: 'k.size' },
  creation_ts: { kind: 'date', column: 'k.creation_ts' },
  has_private_key: { kind: 'boolean', column: 'k.has_private_key' },
  tags: { kind: 'list', column: 'k.tags', term: (tag) => `t:${tag}` },
  metadata: { kind: 'json', column: 'k.metadata', term: (path, value) => `m:${[...path, value].join('/')}` },
};
