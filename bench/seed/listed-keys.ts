import { createHash } from 'node:crypto';
import { aliasTerm, metadataTerm, tagTerm } from '#database';

/*
 * What the listed keys have, so that each kind of filter has a value that a third of them meet (of class 1), one that
 * another third meet (of class 2, never together with the former, and enabled as well), one that only the newest meet,
 * and one that none meets. The newest have the tags of all classes: two tags of different classes meet in them alone.
 */

const NEWEST = 20;
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Values to filter by, per field. */
export const VALUES = {
  'tags[ct]': { third: 'class-1', other: 'class-2', newest: 'newest', none: 'absent' },
  'metadata.class[eq]': { third: 'c1', other: 'c2', newest: 'newest', none: 'absent' },
  'engine_id[eq]': { third: 'engine-1', other: 'engine-2', newest: 'engine-new', none: 'absent' },
  'algorithm[eq]': { third: 'ECDSA', other: 'Ed25519', newest: 'ML_DSA', none: 'ECDSA_SECP256K1' },
  'state[eq]': { third: 'disabled', other: 'enabled', newest: undefined, none: undefined },
  'aliases[ct]': { third: undefined, other: undefined, newest: 'alias-newest', none: 'alias-absent' },
} as const;

/**
 * Rows of kms_key, for $1 tenants of $2 keys each, named by $3 and a number: the keys numbered $4 to $5 of each. Keys are
 * a millisecond apart, by threes.
 */
export const INSERT_KEYS = `
  INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint, state,
                       origin, aliases, tags, metadata, creation_ts, updated_ts)
  SELECT $3 || t, 'key-' || left(md5(t || '/' || n), 8) || '-' || n, 'name ' || md5(n::text),
         CASE WHEN x.newest THEN 'engine-new' ELSE 'engine-' || n % 3 END,
         CASE WHEN x.newest THEN 'ML_DSA' ELSE (ARRAY['RSA', 'ECDSA', 'Ed25519'])[1 + n % 3] END,
         CASE WHEN x.newest THEN 65 ELSE (ARRAY[2048, 256, 256])[1 + n % 3] END, true,
         decode('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex') || sha256(n::text::bytea) || sha256(md5(n::text)::bytea),
         encode(sha256((t || '/' || n)::bytea), 'hex'),
         CASE WHEN n % 3 = 0 AND NOT x.newest THEN 'disabled' ELSE 'enabled' END,
         CASE WHEN n % 10 = 0 THEN 'imported' ELSE 'generated' END,
         CASE WHEN n = $2 THEN ARRAY['alias-newest'] WHEN n % 10 = 0 THEN ARRAY['alias-' || n] ELSE '{}' END,
         CASE WHEN x.newest THEN ARRAY['class-0', 'class-1', 'class-2', 'newest'] ELSE ARRAY['class-' || n % 3] END,
         jsonb_build_object('class', CASE WHEN x.newest THEN 'newest' ELSE 'c' || n % 3 END,
                            'owner', 'owner-' || (hashtext(n::text) & 2147483647) % 5000),
         timestamptz '2025-01-01' + (n / 3) * interval '1 ms', timestamptz '2025-06-01' + (hashtext(n || 'u') & 2147483647) % 10000000 * interval '1 s'
    FROM generate_series(1, $1::int) t, generate_series($4::int, $5::int) n, LATERAL (SELECT n > $2 - ${NEWEST} AS newest) x`;

/** What INSERT_KEYS is found by. The spelling of terms is the product's own; checked when the seeding ends. */
export const INSERT_TERMS = `
  INSERT INTO key_term (tenant_id, term, creation_ts, key_id)
  SELECT k.tenant_id, t.term, k.creation_ts, k.key_id
    FROM kms_key k, LATERAL (
      SELECT 't:' || x AS term FROM unnest(k.tags) x
      UNION ALL SELECT 'a:' || x FROM unnest(k.aliases) x
      UNION ALL SELECT 'm:["' || m.key || '","' || m.value || '"]' FROM jsonb_each_text(k.metadata) m) t
   WHERE k.tenant_id LIKE 'bench-large-%' OR k.tenant_id LIKE 'bench-small-%'`;

/** Terms as the product makes them, which must be among those that were inserted. */
export const SAMPLE_TERMS: readonly string[] = [
  tagTerm('newest'),
  aliasTerm('alias-newest'),
  metadataTerm(['class'], 'newest', hash),
  metadataTerm(['class'], 'c1', hash),
];
