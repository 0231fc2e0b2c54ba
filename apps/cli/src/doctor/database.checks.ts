import type { Config } from '#config';
import type { Database } from '#database';
import { PLATFORM_CHAIN } from '#kernel';
import type { CommandContext } from '../command.js';
import { connectDatabase } from '../database-connection.js';
import { listPendingMigrations } from '../pending-migrations.js';
import { hasDatabase } from '../reachable-database.js';
import { fail, ok, reasonOf, warn, type Check } from './check.js';

export interface DatabaseFindings {
  readonly checks: readonly Check[];
  /** With a schema that is up to date; undefined where there is none such. */
  readonly database?: Database;
}

function checkSchema(config: Config, pending: readonly string[]): Check {
  if (pending.length === 0) return ok('schema', 'up to date');
  const names = `not yet run: ${pending.join(', ')}`;
  if (config.database.url === undefined || config.database.migrationUrl !== undefined)
    return warn('schema', `${names}; the next start runs them`);
  return fail('schema', `${names}; run \`claviger migrate\``);
}

/** Asked as the role itself: one that is not fit for use need not be able to become another. */
async function serverVersion(database: Database): Promise<string> {
  const [row] = await database.transaction({ tenantId: PLATFORM_CHAIN }, (tx) =>
    tx.query<{ version: string }>(`SELECT current_setting('server_version') AS version`),
  );
  return row?.version ?? 'unknown';
}

/** What a missing schema is called among the problems of a role; `schema` tells more of it. */
const isMissingSchema = (problem: string): boolean => problem.includes('schema is missing');

/** Reachable, new enough, with a role that row-level security holds for, and migrated. */
export async function databaseChecks(config: Config, context: CommandContext): Promise<DatabaseFindings> {
  if (!hasDatabase(config))
    return { checks: [ok('database', 'embedded PostgreSQL, made at the first start')] };
  try {
    const { database, roleProblems } = await connectDatabase(config, context);
    const kind = config.database.url === undefined ? 'embedded PostgreSQL' : 'PostgreSQL';
    const reachable = ok('database', `${kind} ${await serverVersion(database)} is reachable`);
    const faults = (await roleProblems()).filter((problem) => !isMissingSchema(problem));
    if (faults.length > 0)
      return { checks: [reachable, ...faults.map((problem) => fail('database-role', problem))] };
    const pending = await listPendingMigrations(database);
    return {
      checks: [reachable, checkSchema(config, pending)],
      database: pending.length === 0 ? database : undefined,
    };
  } catch (error) {
    return { checks: [fail('database', reasonOf(error))] };
  }
}
