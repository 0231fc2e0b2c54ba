import { chmod, mkdir, stat } from 'node:fs/promises';
import { AppError } from '#kernel';

/** Where root keeps what the database's user could not reach elsewhere. */
export const SYSTEM_FOLDER = '/var/lib/claviger';

/** Makes `SYSTEM_FOLDER`. Programs are run from there, so it is refused where another than root may write. */
export async function makeSystemFolder(): Promise<void> {
  if (await mkdir(SYSTEM_FOLDER, { recursive: true })) await chmod(SYSTEM_FOLDER, 0o755);
  const { uid, mode } = await stat(SYSTEM_FOLDER);
  if (uid === 0 && (mode & 0o022) === 0) return;
  throw new AppError('unavailable', {
    detail: `${SYSTEM_FOLDER} must belong to root and be writable by root alone`,
  });
}
