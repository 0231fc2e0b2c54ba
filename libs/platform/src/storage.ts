import type { Config } from '#config';
import { AppError } from '#kernel';
import { Database, EmbeddedPostgres, applicationRoleProblems, createDataSource, migrate } from '#database';
import { migrateQueue } from '#jobs';
import { KeyEntity } from '#keys';
import type { Logger } from '#observability';
import { TenantEntity, TenantKekEntity } from '#tenants';

/** An open database and how to let it go. */
export interface Storage {
  readonly database: Database;
  /** URL of the database, as the application role. */
  readonly url: string;
  /** Ends the embedded server, if there is one. The database is closed before. */
  stop(): Promise<void>;
}

export const ENTITIES = [KeyEntity, TenantEntity, TenantKekEntity];

/**
 * The configured PostgreSQL, or the embedded one, migrated and checked. Throws `unavailable` naming what is wrong
 * with the role or the schema.
 */
export async function openStorage(
  config: Config,
  logger: Logger,
  {
    applicationName,
    onLost,
  }: { readonly applicationName: string; readonly onLost: (reason: string) => void },
): Promise<Storage> {
  const embedded = config.database.url
    ? undefined
    : await EmbeddedPostgres.start({
        dataDir: config.dataDir,
        owner: 'api',
        log: (text) => logger.info(text),
        onExit: (reason) => onLost(reason.message),
      });
  try {
    const ownerUrl = embedded?.ownerUrl ?? config.database.migrationUrl;
    if (ownerUrl) {
      const applied = await migrate(ownerUrl, migrateQueue);
      if (applied.length > 0) logger.info({ applied }, 'database migrated');
    }
    const url = embedded?.appUrl ?? config.database.url ?? '';
    const dataSource = createDataSource({
      url,
      poolSize: config.database.poolSize,
      applicationName,
      entities: ENTITIES,
    });
    await dataSource.initialize();
    const problems = await applicationRoleProblems(dataSource);
    if (problems.length > 0) {
      await dataSource.destroy();
      throw new AppError('unavailable', { detail: problems.join('\n') });
    }
    return { database: new Database(dataSource), url, stop: async () => embedded?.stop() };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}
