import { AppError } from '#kernel';
import type pg from 'pg';
import { createDataSource } from './data-source.js';
import { pgCode, translatePgError } from './pg-errors.js';

/** One number for all processes: whoever holds it migrates, the others wait and find nothing to do. */
const MIGRATION_LOCK = 4_827_301;

/** The owner's connection while it migrates. Several statements in one text are run in one transaction. */
export interface OwnerConnection {
  query(text: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

/** Brings up to date what does not stand in our migrations, and gives what it did, as names. */
export type FurtherMigration = (owner: OwnerConnection) => Promise<string[]>;

/**
 * Brings the schema up to date as its owner and gives the names of the migrations that ran: ours, then each further
 * one. Safe to run beside running processes and from several at once.
 */
export async function migrate(ownerUrl: string, ...further: FurtherMigration[]): Promise<string[]> {
  const dataSource = createDataSource({ url: ownerUrl, poolSize: 2, applicationName: 'claviger-migrate' });
  try {
    await dataSource.initialize();
    const lock = dataSource.createQueryRunner();
    try {
      // Another process may be migrating for longer than a lock is waited for otherwise.
      await lock.query('SET lock_timeout = 0');
      await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      const applied = (await dataSource.runMigrations()).map((migration) => migration.name);
      const client = (await lock.connect()) as pg.PoolClient;
      const query: OwnerConnection['query'] = async (text, params) =>
        (await client.query<Record<string, unknown>>(text, params && [...params])).rows;
      for (const one of further) applied.push(...(await one({ query })));
      return applied;
    } finally {
      await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
      await lock.release();
    }
  } catch (error) {
    if (pgCode(error) === '28P01' || pgCode(error) === '28000') {
      throw new AppError('unavailable', {
        detail: 'The database refused the migration role (CLAVIGER_MIGRATION_DATABASE_URL).',
        cause: error,
      });
    }
    throw translatePgError(error);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
