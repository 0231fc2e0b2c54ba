import { pgCode, type Database } from '#database';
import { MIGRATIONS } from '#migrations';

/** SQLSTATEs of a database where no migration ever ran, or the first is running: no such table, not granted yet. */
const UNTOUCHED = new Set(['42P01', '42501']);

/** Names of the migrations that have not run, oldest first. */
export async function listPendingMigrations(database: Database): Promise<string[]> {
  const known = MIGRATIONS.map((migration) => migration.name);
  try {
    const rows = await database.system(
      'migrations',
      (tx) => tx.query<{ name: string }>('SELECT name FROM schema_migration'),
      { readOnly: true },
    );
    const ran = new Set(rows.map((row) => row.name));
    return known.filter((name) => !ran.has(name));
  } catch (error) {
    if (UNTOUCHED.has(pgCode(error) ?? '')) return known;
    throw error;
  }
}
