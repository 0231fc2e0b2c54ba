import { AppError } from '#kernel';
import { createDataSource } from './data-source.js';
import { pgCode, translatePgError } from './pg-errors.js';

/** One number for all processes: whoever holds it migrates, the others wait and find nothing to do. */
const MIGRATION_LOCK = 4_827_301;

/**
 * Brings the schema up to date as its owner and gives the names of the migrations that ran.
 * Safe to run beside running processes and from several at once.
 */
export async function migrate(ownerUrl: string): Promise<string[]> {
  const dataSource = createDataSource({ url: ownerUrl, poolSize: 2, applicationName: 'claviger-migrate' });
  try {
    await dataSource.initialize();
    const lock = dataSource.createQueryRunner();
    try {
      // Another process may be migrating for longer than a lock is waited for otherwise.
      await lock.query('SET lock_timeout = 0');
      await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      return (await dataSource.runMigrations()).map((migration) => migration.name);
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
