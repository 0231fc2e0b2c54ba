import { chmodSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres, migrate } from '#database';
import { migrateQueue } from '#jobs';
import { roomyPlace } from './roomy-place.js';

const PREFIX = 'claviger-test-';

declare module 'vitest' {
  interface ProvidedContext {
    /** The run's throwaway server. `ownerUrl` and `appUrl` name the template database, which takes no connections. */
    postgres: { adminUrl: string; ownerUrl: string; appUrl: string };
  }
}

/**
 * Starts one PostgreSQL for the whole run, with one migrated database as the template of all others. It ends
 * with the run, however that ends.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const place = roomyPlace();
  removeAbandoned(place);
  const folder = mkdtempSync(join(place, `${PREFIX}${process.pid}-`));
  chmodSync(folder, 0o711);
  const dataDir = join(folder, 'data');
  const server = await EmbeddedPostgres.start({
    dataDir,
    owner: 'api',
    log: () => undefined,
    onExit: (reason) => process.stderr.write(`${reason.message}\n`),
  });
  const teardown = async (): Promise<void> => {
    await server.stop();
    removeFolder(folder);
  };
  try {
    const { ownerUrl, appUrl } = server;
    const adminUrl = adminUrlOf(dataDir, ownerUrl);
    await migrate(ownerUrl, migrateQueue);
    await makeTemplate(adminUrl);
    project.provide('postgres', { adminUrl, ownerUrl, appUrl });
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

function adminUrlOf(dataDir: string, ownerUrl: string): string {
  const passwords = JSON.parse(readFileSync(join(dataDir, 'database.json'), 'utf8')) as { superuser: string };
  const url = new URL('/postgres', ownerUrl);
  url.username = 'postgres';
  url.password = passwords.superuser;
  return url.href;
}

/** What is lost in a crash of the machine is test data: the disk need not be waited for. */
async function makeTemplate(adminUrl: string): Promise<void> {
  const admin = new pg.Client(adminUrl);
  await admin.connect();
  try {
    await admin.query('ALTER SYSTEM SET fsync = off');
    await admin.query('ALTER SYSTEM SET full_page_writes = off');
    await admin.query("ALTER SYSTEM SET max_wal_size = '128MB'");
    await admin.query('SELECT pg_reload_conf()');
    await admin.query('ALTER DATABASE claviger ALLOW_CONNECTIONS false');
  } finally {
    await admin.end();
  }
}

/** The database is elsewhere, behind a link, where its user could not reach the temporary folder. */
function removeFolder(folder: string): void {
  try {
    rmSync(realpathSync(join(folder, 'data/pg')), { recursive: true, force: true });
  } catch {
    // It had not been made.
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Removes the folders of runs that were killed. */
function removeAbandoned(place: string): void {
  for (const entry of readdirSync(place)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(entry)?.[1]);
    try {
      if (Number.isInteger(pid)) process.kill(pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') removeFolder(join(place, entry));
    }
  }
}
