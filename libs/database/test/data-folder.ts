import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { roomyPlace } from '../../../test/harness/roomy-place.js';

/** A fresh folder that the database's user can pass through, with the data folder's path in it. */
export function makeDataFolder(mode = 0o711): { dataDir: string; remove: () => void } {
  const parent = mkdtempSync(join(roomyPlace(), 'claviger-embedded-'));
  chmodSync(parent, mode);
  const dataDir = join(parent, 'data');
  const remove = (): void => {
    try {
      rmSync(realpathSync(join(dataDir, 'pg')), { recursive: true });
    } catch {
      // There is no database.
    }
    rmSync(parent, { recursive: true, force: true });
  };
  return { dataDir, remove };
}
