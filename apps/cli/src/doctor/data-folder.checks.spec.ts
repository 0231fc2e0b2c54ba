import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfigFor } from '#config';
import { dataFolderChecks } from './data-folder.checks.js';

describe('dataFolderChecks', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'claviger-doctor-'));
    await chmod(folder, 0o711);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const examine = (env: Record<string, string> = {}) =>
    dataFolderChecks(loadConfigFor([], { CLAVIGER_DATA_DIR: folder, ...env }));

  it('takes a folder that others can pass and not list', async () => {
    await writeFile(join(folder, 'issuer.json'), '{}', { mode: 0o600 });
    expect(await examine()).toMatchObject([{ status: 'ok' }]);
  });

  it('takes a folder that is not there yet', async () => {
    expect(await examine({ CLAVIGER_DATA_DIR: join(folder, 'none') })).toMatchObject([{ status: 'ok' }]);
  });

  it.each(['root.key', 'issuer.json', 'database.json'])('fails %s that others can read', async (name) => {
    await writeFile(join(folder, name), '{}');
    await chmod(join(folder, name), 0o640);
    const [check] = await examine();
    expect(check).toMatchObject({ status: 'fail' });
    expect(check?.detail).toContain(name);
  });

  it('fails a folder that others can write to, and minds one that they can list', async () => {
    await chmod(folder, 0o733);
    expect(await examine()).toMatchObject([{ status: 'fail' }]);
    await chmod(folder, 0o755);
    expect(await examine()).toMatchObject([{ status: 'warn' }]);
  });

  it('does not look at it in production, which keeps nothing there', async () => {
    expect(await examine({ NODE_ENV: 'production' })).toEqual([]);
  });
});
