import { sha256Hex } from '#crypto';
import { metadataTerm, tagTerm } from '#database';
import pg from 'pg';
import type { TestApp } from './app.js';

/** What every second of the many keys is found by. */
export const EVEN_TAG = 'even';

/** When the first of the many keys were made; of 100,000, some fifty have each millisecond, so that ties are everywhere. */
const BEGIN = '2025-01-01T00:00:00Z';

/**
 * Stores so many keys, in one statement for each table, as the application's role and under row-level security. Their
 * ids begin with `key-` and `prefix`; ids, names and times are each in another order. They verify only.
 */
export async function storeManyKeys(
  app: TestApp,
  tenantId: string,
  prefix: string,
  count: number,
): Promise<void> {
  await app.database.transaction({ tenantId }, async (tx) => {
    await tx.query(
      `INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint,
                            state, origin, tags, metadata, creation_ts, updated_ts)
       SELECT $1, 'key-' || $2 || '-' || substr(md5(n::text), 1, 6) || '-' || n, md5('name' || n), 'software', 'ECDSA', 256, false,
              decode('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex') || sha256(n::text::bytea) || sha256(md5(n::text)::bytea),
              encode(sha256(($2 || '-' || n)::bytea), 'hex'), 'enabled', 'imported',
              CASE WHEN n % 2 = 0 THEN ARRAY[$4::text] ELSE '{}' END, jsonb_build_object('batch', $2::text),
              $3::timestamptz + (abs(hashtext($2 || '-' || n)) % 2000) * interval '1 ms', $3::timestamptz
         FROM generate_series(1, $5::int) n`,
      [tenantId, prefix, BEGIN, EVEN_TAG, count],
    );
    await tx.query(
      `INSERT INTO key_term (tenant_id, term, creation_ts, key_id)
       SELECT k.tenant_id, t.term, k.creation_ts, k.key_id
         FROM kms_key k, LATERAL (VALUES ($3), (CASE WHEN cardinality(k.tags) > 0 THEN $4 END)) AS t (term)
        WHERE k.tenant_id = $1 AND k.key_id LIKE 'key-' || $2 || '-%' AND t.term IS NOT NULL`,
      [tenantId, prefix, metadataTerm(['batch'], prefix, sha256Hex), tagTerm(EVEN_TAG)],
    );
  });
}

/** What autovacuum does within a minute of such a change: without it, PostgreSQL plans for an empty table. */
export async function gatherStatistics(app: TestApp): Promise<void> {
  const owner = new pg.Client(app.installation.database.ownerUrl);
  await owner.connect();
  try {
    await owner.query('ANALYZE kms_key, key_term, key_use');
  } finally {
    await owner.end();
  }
}
