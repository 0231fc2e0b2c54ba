import { existsSync } from 'node:fs';
import type { Config } from '#config';
import { RootRing } from '#crypto';
import type { Database } from '#database';
import { listKnownRoots, lostRoots } from '../root-inventory.js';
import { fail, ok, reasonOf, warn, type Check } from './check.js';

const NAME = 'root-ring';

/** The ring can be read and has every root that the database stands on, which is not known without one. */
export async function rootRingChecks(config: Config, database: Database | undefined): Promise<Check[]> {
  const file = config.rootKeyFile;
  const known = database ? await listKnownRoots(database) : [];
  if (config.mode === 'development' && !existsSync(file) && lostRoots(known, undefined).length === 0)
    return [ok(NAME, `${file}: made at the first start`)];
  try {
    const ring = new RootRing(file);
    const lost = lostRoots(known, ring);
    if (lost.length > 0)
      return [fail(NAME, `${file} does not have ${lost.join(', ')}, which the database was made with`)];
    const older = known.filter((root) => root.keys > 0 && root.id !== ring.activeId);
    if (older.length > 0)
      return [
        warn(
          NAME,
          `${older.map(({ id }) => id).join(', ')} still in use beside ${ring.activeId}: run \`claviger root-key rotate\``,
        ),
      ];
    return [ok(NAME, `${file}: ${ring.ids().length} roots, ${ring.activeId} is active`)];
  } catch (error) {
    return [fail(NAME, reasonOf(error))];
  }
}
