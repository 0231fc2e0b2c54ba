import { ConfigError, loadConfigFor, type Config } from '#config';
import { migrate } from '#database';
import { migrateQueue } from '#jobs';
import type { CommandContext, CommandResult } from '../command.js';
import { openEmbedded } from '../database-connection.js';

async function ownerUrlOf(config: Config, context: CommandContext): Promise<string> {
  if (config.database.migrationUrl !== undefined) return config.database.migrationUrl;
  if (config.database.url === undefined && config.mode === 'development')
    return (await openEmbedded(config, context)).ownerUrl;
  throw new ConfigError([
    'CLAVIGER_MIGRATION_DATABASE_URL: set it to the same database as DATABASE_URL, as the role that owns the tables',
  ]);
}

/** Brings the schema up to date, also beside running processes. */
export async function migrateDatabase(context: CommandContext): Promise<CommandResult> {
  const config = loadConfigFor([], context.env);
  const applied = await migrate(await ownerUrlOf(config, context), migrateQueue);
  const text = applied.length > 0 ? applied.join('\n') : 'up to date';
  return { json: { applied }, text: `${text}\n` };
}
