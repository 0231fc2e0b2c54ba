import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '#config';
import { fail, ok, warn, type Check } from './check.js';

const NAME = 'data-folder';
/** What in the folder is a credential. */
const SECRETS = ['root.key', 'issuer.json', 'database.json'];

const modeOf = async (path: string): Promise<number | undefined> =>
  (await stat(path).catch(() => undefined))?.mode;

/** The folder of the embedded default; production keeps nothing there. */
export async function dataFolderChecks({ mode, dataDir }: Config): Promise<Check[]> {
  if (mode === 'production') return [];
  const folder = await modeOf(dataDir);
  if (folder === undefined) return [ok(NAME, `${dataDir}: made at the first start`)];
  const open = [];
  for (const name of SECRETS) if (((await modeOf(join(dataDir, name))) ?? 0) & 0o077) open.push(name);
  if (open.length > 0) return [fail(NAME, `${dataDir}: ${open.join(', ')} can be read by others: chmod 600`)];
  if (folder & 0o022) return [fail(NAME, `${dataDir}: others can write there: chmod 711`)];
  const writable = await access(dataDir, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable) return [fail(NAME, `${dataDir}: this user cannot write there`)];
  if (folder & 0o044) return [warn(NAME, `${dataDir}: others can list it: chmod 711`)];
  return [ok(NAME, dataDir)];
}
