import pg from 'pg';
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
 * A connection whose loss is told to whoever uses it, and never ends the process: between the pool and its next user
 * nobody listens, and an `error` that nobody listens to is thrown.
 */
class ListeningClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/**
 * What every session of ours is set to. An audit record must be durable before its answer, whatever the server's
 * default is. A peer that hangs in a transaction, or on a lock, must not hang the others: its session ends, or
 * theirs give up.
 */
const SETTINGS = {
  synchronous_commit: 'on',
  timezone: 'UTC',
  client_min_messages: 'warning',
  search_path: 'public',
  lock_timeout: '5s',
  // Statements are short, and a plan that is told to avoid something is estimated to be long.
  jit: 'off',
  idle_in_transaction_session_timeout: '10s',
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

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
      Client: ListeningClient,
      // A statement is sent when it is asked for, not when the one before it is answered.
      pipeline: true,
      options: Object.entries(SETTINGS)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
    },
  });
