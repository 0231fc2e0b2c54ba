import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '#database';
import { CommandLine } from './command-line.js';

describe('claviger with the embedded database', () => {
  let cli: CommandLine;
  beforeEach(async () => {
    cli = await CommandLine.open({ embedded: true });
    await chmod(cli.dataDir, 0o711);
  });
  afterEach(() => cli.remove());

  it('makes everything from nothing, and leaves no server behind', async () => {
    const first = await cli.must('token --tenant acme --scope kms:keys:read');
    expect(first.out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    await expect(stat(join(cli.dataDir, 'pg', 'postmaster.pid'))).rejects.toThrow(/ENOENT/);
    expect((await cli.must('tenant list --json')).json.list).toMatchObject([{ tenant_id: 'acme' }]);
    expect((await cli.must('doctor --json')).json.checks).toContainEqual(
      expect.objectContaining({ name: 'schema', status: 'ok' }),
    );
    await expect(stat(join(cli.dataDir, 'pg', 'postmaster.pid'))).rejects.toThrow(/ENOENT/);
  });

  it('uses the server of the running API and leaves it running', async () => {
    const { dataDir } = cli;
    const api = await EmbeddedPostgres.start({ dataDir, owner: 'api', log: () => undefined });
    try {
      await cli.must('tenant create acme');
      await cli.must('migrate');
      expect((await cli.must('tenant list --json')).json.list).toHaveLength(1);
      await stat(join(dataDir, 'pg', 'postmaster.pid'));
    } finally {
      await api.stop();
    }
  });
});
