import pg from 'pg';
import { sha256Hex } from '#crypto';
import { createTestDatabase, type TestDatabase } from '../../../../../test/harness/postgres.js';
import type { SqlQuery } from '../../sql-query.js';
import type { StatementRunner } from '../../page/page.js';
import { aliasTerm, metadataTerms, tagTerm } from '../terms.js';

/** A key as a listing sees it. */
export interface KeyRow {
  readonly key_id: string;
  readonly name: string;
  readonly algorithm: string;
  readonly size: number;
  readonly has_private_key: boolean;
  readonly rotated_from: string | null;
  readonly aliases: readonly string[];
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** RFC 3339, milliseconds. */
  readonly creation_ts: string;
  readonly last_used_ts: string | null;
}

/** A migrated database, reached as the application's role: no superuser and no owner. */
export class KeyDatabase implements StatementRunner {
  private constructor(
    private readonly test: TestDatabase,
    private readonly app: pg.Client,
  ) {}

  static async create(): Promise<KeyDatabase> {
    const test = await createTestDatabase();
    const app = new pg.Client(test.appUrl);
    await app.connect();
    return new KeyDatabase(test, app);
  }

  /** Takes the statistics that a busy server's autovacuum would have taken. */
  async analyze(): Promise<void> {
    const owner = new pg.Client(this.test.ownerUrl);
    await owner.connect();
    for (const table of ['kms_key', 'key_term', 'key_use']) await owner.query(`VACUUM ANALYZE ${table}`);
    await owner.end();
  }

  /** Says whose rows the following statements see. */
  async actFor(tenantId: string): Promise<void> {
    await this.app.query(`SELECT set_config('claviger.tenant', $1, false)`, [tenantId]);
  }

  async run<Row extends object>(query: SqlQuery): Promise<Row[]> {
    return (await this.app.query<Row & pg.QueryResultRow>(query.text, [...query.params])).rows;
  }

  /** The plan that the application's role gets. */
  async explain(query: SqlQuery, options = 'COSTS OFF'): Promise<string> {
    const rows = await this.run<{ 'QUERY PLAN': string }>({
      text: `EXPLAIN (${options}) ${query.text}`,
      params: query.params,
    });
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  }

  /** Writes a key and its terms; one that was deleted comes back. */
  async insert(tenantId: string, key: KeyRow): Promise<void> {
    await this.app.query(
      `INSERT INTO kms_key (tenant_id, key_id, name, algorithm, size, has_private_key, rotated_from, aliases, tags,
                            metadata, creation_ts, engine_id, spki, fingerprint, state, origin)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'software', '', $2, 'enabled', 'generated')
       ON CONFLICT (tenant_id, key_id) DO UPDATE SET state = 'enabled'`,
      [
        ...[tenantId, key.key_id, key.name, key.algorithm, key.size, key.has_private_key, key.rotated_from],
        ...[key.aliases, key.tags, JSON.stringify(key.metadata), key.creation_ts],
      ],
    );
    const terms = new Set([
      ...key.tags.map(tagTerm),
      ...key.aliases.map(aliasTerm),
      ...metadataTerms(key.metadata, sha256Hex),
    ]);
    await this.app.query(`INSERT INTO key_term SELECT $1, t, $2, $3 FROM unnest($4::text[]) AS t`, [
      ...[tenantId, key.creation_ts, key.key_id, [...terms]],
    ]);
    if (key.last_used_ts) {
      await this.app.query('INSERT INTO key_use VALUES ($1, $2, $3)', [
        tenantId,
        key.key_id,
        key.last_used_ts,
      ]);
    }
  }

  /** Leaves a tombstone, which no listing shows. */
  async delete(keyId: string): Promise<void> {
    await this.app.query('DELETE FROM key_term WHERE key_id = $1', [keyId]);
    await this.app.query(`UPDATE kms_key SET state = 'destroyed' WHERE key_id = $1`, [keyId]);
  }

  async drop(): Promise<void> {
    await this.app.end();
    await this.test.drop();
  }
}
