import { chmod, lstat, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#kernel';
import { createCluster, type ClusterPlan } from './cluster-creation.js';

/** Where the database of a data folder is: a folder there, or a link to one. */
export const clusterPath = (dataDir: string): string => join(dataDir, 'pg');

/** Makes the data folder, passable for others but not listable. One that exists keeps its mode. */
export async function makeDataFolder(dataDir: string): Promise<void> {
  try {
    if (await mkdir(dataDir, { recursive: true })) await chmod(dataDir, 0o711);
  } catch (cause) {
    throw new AppError('unavailable', {
      detail: `the data folder ${dataDir} cannot be made: set CLAVIGER_DATA_DIR to a folder that this user can write`,
      cause,
    });
  }
}

/** Real path of the database's folder, undefined before the first start. Throws `unavailable` for a dangling link. */
export async function findCluster(dataDir: string): Promise<string | undefined> {
  const path = clusterPath(dataDir);
  try {
    await lstat(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AppError('unavailable', { detail: `${path} is closed to this user`, cause });
  }
  return realpath(path).catch((cause: unknown) => {
    throw new AppError('unavailable', {
      detail: `${path} leads to a folder that is gone, or closed to this user`,
      cause,
    });
  });
}

/**
 * Real path of the database's folder, which is made on the first start. Throws `unavailable` where the
 * database's user cannot work there, naming the folder, the user and the ways out.
 */
export async function ensureCluster(plan: ClusterPlan): Promise<string> {
  if ((await findCluster(plan.dataDir)) === undefined) await createCluster(plan, clusterPath(plan.dataDir));
  const place = await findCluster(plan.dataDir);
  if (place !== undefined && (await plan.account.can('-w', place))) return place;
  throw new AppError('unavailable', {
    detail: `the database's user (${plan.account.name}) cannot write ${place}: give it that folder (chown -R) and open those above it (chmod o+x), set CLAVIGER_DATA_DIR to another place, or set DATABASE_URL`,
  });
}
