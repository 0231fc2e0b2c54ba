import { fingerprintOf, sha256Hex, findKeySpec } from '#crypto';
import { aliasTerm, metadataTerms, tagTerm } from '#database';
import { SoftwareEngine } from '#engines';
import { TenantKeys } from '#tenants';
import type { TestApp } from './app.js';

/** What the API would choose by itself, and a test wants to choose. */
export interface PlantedKey {
  readonly keyId: string;
  readonly name: string;
  readonly engineId: string;
  readonly algorithm: string;
  readonly size: number;
  readonly creationTs: string;
  readonly aliases?: readonly string[];
  readonly tags?: readonly string[];
  readonly metadata?: Record<string, unknown>;
}

/** Stores a working key under an id, of an engine and a time of the test's choice. */
export async function plantKey(app: TestApp, tenantId: string, key: PlantedKey): Promise<void> {
  const engine = new SoftwareEngine(key.engineId, new TenantKeys(app.database, app.installation.root));
  const spec = findKeySpec(key.algorithm, key.size);
  if (!spec) throw new Error(`no key is ${key.algorithm} ${key.size}`);
  const { spki, handle } = await engine.generate({ tenantId, keyId: key.keyId }, spec);
  const { aliases = [], tags = [], metadata = {} } = key;
  const terms = [...tags.map(tagTerm), ...aliases.map(aliasTerm), ...metadataTerms(metadata, sha256Hex)];
  await app.database.transaction({ tenantId }, async (tx) => {
    await tx.query(
      `INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint,
                            state, origin, aliases, tags, metadata, creation_ts, updated_ts)
       VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8, 'enabled', 'generated', $9, $10, $11, $12, $12)`,
      [
        ...[
          tenantId,
          key.keyId,
          key.name,
          key.engineId,
          spec.algorithm,
          spec.size,
          spki,
          fingerprintOf(spki),
        ],
        ...[aliases, tags, metadata, key.creationTs],
      ],
    );
    await tx.query('INSERT INTO key_handle (tenant_id, key_id, handle) VALUES ($1, $2, $3)', [
      tenantId,
      key.keyId,
      handle,
    ]);
    await tx.query(
      'INSERT INTO key_alias (tenant_id, alias, key_id) SELECT $1, a, $2 FROM unnest($3::text[]) a',
      [tenantId, key.keyId, aliases],
    );
    await tx.query(
      `INSERT INTO key_term (tenant_id, term, creation_ts, key_id)
       SELECT $1, t, $2::timestamptz, $3 FROM unnest($4::text[]) t`,
      [tenantId, key.creationTs, key.keyId, terms],
    );
  });
}
