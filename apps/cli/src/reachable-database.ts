import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#config';
import type { Database } from '#database';
import { AppError } from '#kernel';
import type { CommandContext } from './command.js';
import { openDatabase } from './database-connection.js';

/** Whether there is a database to be asked: one is configured, or the embedded one has been made. */
export const hasDatabase = (config: Config): boolean =>
  config.database.url !== undefined ||
  (config.mode === 'development' && existsSync(join(config.dataDir, 'pg')));

/** For what can be done without a database: undefined where there is none or it cannot be used, and says why. */
export async function findReachableDatabase(
  config: Config,
  context: CommandContext,
): Promise<Database | undefined> {
  if (!hasDatabase(config)) return undefined;
  try {
    return await openDatabase(config, context);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
    context.note(`without the database: ${error.detail}`);
    return undefined;
  }
}
