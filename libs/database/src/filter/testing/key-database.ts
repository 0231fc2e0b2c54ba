import pg from 'pg';
import { sha256Hex } from '#crypto';
import type { SqlQuery } from '../../sql-query.js';
import type { StatementRunner } from '../../page/list-page.js';
import { aliasTerm, metadataTerms, tagTerm } from '../terms.js';
import { ISOLATION, SCHEMA } from './key-table.js';
import { startPostgres } from './throwaway-postgres.js';

/** A key as a listing sees it. */
export interface KeyRow {
  readonly key_id: string;
  readonly name: string;
  readonly algorithm: string;
  readonly size: number;
  readonly has_private_key: boolean;
  readonly fingerprint: string | null;
  readonly aliases: readonly string[];
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** RFC 3339, milliseconds. */
  readonly creation_ts: string;
  readonly last_used_ts: string | null;
}

/** A PostgreSQL with the tables, reached as the application's role: no superuser and no owner. */
export class KeyDatabase implements StatementRunner {
  private constructor(
    private readonly app: pg.Client,
    private readonly owner: pg.Client,
    private readonly stopServer: () => Promise<void>,
  ) {}

  static async start(): Promise<KeyDatabase> {
    const server = await startPostgres();
    const connect = async (role: string): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: server.url(role) });
      await client.connect();
      return client;
    };
    const root = await connect('super');
    await root.query(
      'CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN; GRANT CREATE ON SCHEMA public TO owner',
    );
    await root.end();
    const owner = await connect('owner');
    await owner.query(SCHEMA);
    return new KeyDatabase(await connect('app'), owner, () => server.stop());
  }

  /** Fills tables as their owner, before row-level security holds the owner too. */
  async load(...statements: string[]): Promise<void> {
    for (const statement of statements) await this.owner.query(statement);
  }

  /** Ends loading: policies on and statistics taken. */
  async isolate(): Promise<void> {
    await this.owner.query(ISOLATION);
    for (const table of ['kms_key', 'key_term', 'key_use']) await this.owner.query(`VACUUM ANALYZE ${table}`);
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

  async insert(tenantId: string, key: KeyRow): Promise<void> {
    await this.app.query(
      `INSERT INTO kms_key VALUES ($1, $2, $3, $4, $5, $6, 'enabled', $7, $8, $9, $10, $11, $11)`,
      [
        ...[tenantId, key.key_id, key.name, key.algorithm, key.size, key.has_private_key, key.fingerprint],
        ...[key.aliases, key.tags, JSON.stringify(key.metadata), key.creation_ts],
      ],
    );
    const terms = [
      ...key.tags.map(tagTerm),
      ...key.aliases.map(aliasTerm),
      ...metadataTerms(key.metadata, sha256Hex),
    ];
    await this.app.query(`INSERT INTO key_term SELECT $1, t, $2, $3 FROM unnest($4::text[]) AS t`, [
      ...[tenantId, key.creation_ts, key.key_id, [...new Set(terms)]],
    ]);
    if (key.last_used_ts) {
      await this.app.query('INSERT INTO key_use VALUES ($1, $2, $3)', [
        tenantId,
        key.key_id,
        key.last_used_ts,
      ]);
    }
  }

  async delete(keyId: string): Promise<void> {
    await this.app.query('DELETE FROM key_term WHERE key_id = $1', [keyId]);
    await this.app.query('DELETE FROM kms_key WHERE key_id = $1', [keyId]);
  }

  async stop(): Promise<void> {
    await this.app.end();
    await this.owner.end();
    await this.stopServer();
  }
}
