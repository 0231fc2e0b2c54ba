import type { Config } from '#config';
import {
  Database,
  EmbeddedPostgres,
  applicationRoleProblems,
  createDataSource,
  migrate,
  pgCode,
  translatePgError,
} from '#database';
import { AppError } from '#kernel';
import { TenantEntity, TenantKekEntity } from '#tenants';
import type { CommandContext } from './command.js';
import { listPendingMigrations } from './pending-migrations.js';

/** One for a transaction, one for the session of the audit log, and one to spare. */
const POOL_SIZE = 3;

/** SQLSTATEs of a server that answers, but not to us: no such role or password, no such database. */
const REFUSED = new Set(['28P01', '28000', '3D000', '42501']);

/** A database that answers; whether it is fit for use has not been asked yet. */
export interface DatabaseConnection {
  readonly database: Database;
  /** What is wrong with the role of DATABASE_URL, one sentence each. The embedded database makes its roles itself. */
  readonly roleProblems: () => Promise<string[]>;
  /** The owner of the embedded database; undefined for that of DATABASE_URL. */
  readonly embeddedOwnerUrl: string | undefined;
}

/** The embedded PostgreSQL of the running API, or one that runs until the command ends. */
export async function openEmbedded(config: Config, context: CommandContext): Promise<EmbeddedPostgres> {
  const embedded = await EmbeddedPostgres.joinOrStart({
    dataDir: config.dataDir,
    log: context.note,
    onExit: (reason) => context.note(reason.message),
  });
  context.closers.defer(() => embedded.stop());
  return embedded;
}

/** Connects to the configured PostgreSQL or the embedded one. Throws `unavailable`. */
export async function connectDatabase(config: Config, context: CommandContext): Promise<DatabaseConnection> {
  const embedded = config.database.url === undefined ? await openEmbedded(config, context) : undefined;
  const dataSource = createDataSource({
    url: embedded?.appUrl ?? config.database.url ?? '',
    poolSize: POOL_SIZE,
    applicationName: 'claviger-cli',
    entities: [TenantEntity, TenantKekEntity],
  });
  try {
    await dataSource.initialize();
  } catch (cause) {
    if (!REFUSED.has(pgCode(cause) ?? '')) throw translatePgError(cause);
    throw new AppError('unavailable', { detail: 'The database refused the role of DATABASE_URL.', cause });
  }
  const database = new Database(dataSource);
  context.closers.defer(() => database.close());
  return {
    database,
    roleProblems: async () => (embedded ? [] : applicationRoleProblems(dataSource)),
    embeddedOwnerUrl: embedded?.ownerUrl,
  };
}

/**
 * A database that can be worked with. The embedded one is migrated where that is due; throws `unavailable` where the
 * one of DATABASE_URL would have to be, or where row-level security would not hold for its role.
 */
export async function openDatabase(config: Config, context: CommandContext): Promise<Database> {
  const { database, roleProblems, embeddedOwnerUrl } = await connectDatabase(config, context);
  const problems = await roleProblems();
  if (problems.length > 0) throw new AppError('unavailable', { detail: problems.join('\n') });
  if ((await listPendingMigrations(database)).length === 0) return database;
  if (embeddedOwnerUrl === undefined) {
    throw new AppError('unavailable', { detail: 'The schema is not up to date; run `claviger migrate`.' });
  }
  // Loaded where it is needed only: it takes a while, and most commands find everything migrated.
  const { migrateQueue } = await import('#jobs');
  const applied = await migrate(embeddedOwnerUrl, migrateQueue);
  if (applied.length > 0) context.note(`migrated the database: ${applied.join(', ')}`);
  return database;
}
