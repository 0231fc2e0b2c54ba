import { mkdtemp, open, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '#kernel';
import type { DatabaseAccount } from './database-account.js';
import { createPasswords, readPasswords } from './database-passwords.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { isAlive } from './process-table.js';
import { SYSTEM_FOLDER, makeSystemFolder } from './system-folder.js';

/** What creating a database needs. */
export interface ClusterPlan {
  readonly dataDir: string;
  readonly account: DatabaseAccount;
  readonly binaries: PostgresBinaries;
  readonly log: (message: string) => void;
}

/**
 * Makes a database at `path`. It is made aside and then given its name, so that an interrupted start leaves
 * nothing that the next one trips over; of two first starts at once, one database stays. Where the database's
 * user cannot reach the data folder, `path` becomes a link to a folder of `SYSTEM_FOLDER`.
 */
export async function createCluster(plan: ClusterPlan, path: string): Promise<void> {
  await createPasswords(plan.dataDir);
  const workshop = await makeWorkshop(plan);
  const isElsewhere = dirname(workshop) === SYSTEM_FOLDER;
  try {
    await initialise(join(workshop, 'pg'), join(workshop, 'password'), plan);
    const place = isElsewhere ? join(SYSTEM_FOLDER, `pg-${crypto.randomUUID()}`) : path;
    await publish(join(workshop, 'pg'), place, path);
    const version = plan.binaries.version;
    const why = `: its user (${plan.account.name}) cannot reach ${path}, which is a link to it`;
    plan.log(`made a PostgreSQL ${version} database in ${place}${isElsewhere ? why : ''}`);
  } catch (error) {
    if (!isTaken(error)) throw error;
  } finally {
    await rm(workshop, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A folder of the database's user, in the data folder or, where that is closed to it, in the system's. */
async function makeWorkshop({ dataDir, account, log }: ClusterPlan): Promise<string> {
  const candidates = account.isOther ? [dataDir, SYSTEM_FOLDER] : [dataDir];
  for (const parent of candidates) {
    try {
      if (parent === SYSTEM_FOLDER) await makeSystemFolder();
      await removeAbandoned(parent);
      const workshop = await mkdtemp(join(parent, `pg.new-${process.pid}-`));
      await account.give(workshop);
      if (await account.can('-w', workshop)) return workshop;
      await rm(workshop, { recursive: true });
    } catch (error) {
      log(`no database can be made in ${parent}: ${(error as Error).message}`);
    }
  }
  throw new AppError('unavailable', {
    detail: `the database's user (${account.name}) cannot use ${candidates.join(' nor ')}: open the folders above it (chmod o+x), set CLAVIGER_DATA_DIR to another place, or set DATABASE_URL`,
  });
}

/** Removes what was left by starts that were killed before they had finished a database. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    const maker = /^pg\.new-(\d+)-/.exec(entry)?.[1];
    if (maker === undefined || isAlive(Number(maker))) continue;
    await rm(join(parent, entry), { recursive: true, force: true, maxRetries: 5 });
  }
}

async function initialise(folder: string, passwordFile: string, plan: ClusterPlan): Promise<void> {
  const { superuser } = await readPasswords(plan.dataDir);
  await writeFile(passwordFile, `${superuser}\n`, { mode: 0o600, flag: 'wx' });
  await plan.account.give(passwordFile);
  const access = ['-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  // The built-in locale sorts by code point on every machine, whatever locales the system has or changes.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  try {
    await plan.account.run(plan.binaries.initdb, ['-D', folder, ...access, ...locale]);
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    throw new AppError('unavailable', {
      detail: `PostgreSQL could not make its database: ${stderr.trim() || (cause as Error).message}`,
      cause,
    });
  }
}

/** Gives a finished database its name, durably. Throws what `isTaken` knows where another start was first. */
async function publish(finished: string, place: string, path: string): Promise<void> {
  await rename(finished, place);
  if (place !== path) {
    await symlink(place, path).catch(async (error: unknown) => {
      await rm(place, { recursive: true, force: true });
      throw error;
    });
  }
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

const isTaken = (error: unknown): boolean =>
  ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
