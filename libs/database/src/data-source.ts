import { DataSource, type EntitySchema } from 'typeorm';
import { MIGRATIONS } from '#migrations';

export interface DataSourceOptions {
  readonly url: string;
  readonly poolSize: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly entities?: readonly (EntitySchema | (new () => object))[];
}

/**
 * The connection settings every process shares. `synchronous_commit` is set here because an audit record
 * must be durable before its answer, whatever the server's default is.
 */
export const createDataSource = (options: DataSourceOptions): DataSource =>
  new DataSource({
    type: 'postgres',
    url: options.url,
    applicationName: options.applicationName,
    entities: [...(options.entities ?? [])],
    migrations: [...MIGRATIONS],
    migrationsTableName: 'schema_migration',
    migrationsTransactionMode: 'each',
    synchronize: false,
    logging: false,
    poolSize: options.poolSize,
    extra: {
      options:
        '-c synchronous_commit=on -c timezone=UTC -c client_min_messages=warning -c search_path=public',
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
    },
  });
