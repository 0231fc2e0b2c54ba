import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Bytes that a run's databases stay well under. */
const ROOM = 2 ** 31;

/** Folder for throwaway databases: memory, where there is plenty. One is 300 files, slow to make on a busy disk. */
export function roomyPlace(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    if (bavail * bsize > ROOM) return '/dev/shm';
  } catch {
    // There is none.
  }
  return tmpdir();
}
