import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandLine } from './command-line.js';

describe('claviger root-key', () => {
  let cli: CommandLine;
  let ring: string;

  beforeEach(async () => {
    cli = await CommandLine.open();
    ring = join(cli.dataDir, 'root.key');
    for (const id of ['acme', 'globex', 'initech']) await cli.must(`tenant create ${id}`);
  });
  afterEach(() => cli.remove());

  const rootsInUse = async (): Promise<unknown[]> => {
    const rows = await cli.tamper(
      `SELECT root_id, count(*)::int FROM (SELECT root_id FROM tenant_kek UNION ALL SELECT root_id FROM platform_key) k
        GROUP BY root_id`,
    );
    return rows;
  };

  it('moves every tenant and the checkpoint key to a new root, and lets go of the old one only then', async () => {
    expect((await cli.must('root-key add --json')).json).toEqual({
      root_id: 'root-2',
      file: ring,
      registered: true,
    });
    const early = await cli.run('root-key remove root-1 --json');
    expect(early.exitCode).toBe(5);
    expect(JSON.parse(early.err).error.code).toBe('key_state');
    expect(await readFile(ring, 'utf8')).toMatch(/^root-1 /m);

    // Three tenants and the key of the checkpoints.
    expect((await cli.must('root-key rotate --json')).json).toEqual({ root_id: 'root-2', moved: 4 });
    expect(await rootsInUse()).toEqual([{ root_id: 'root-2', count: 4 }]);
    expect((await cli.must('root-key list --json')).json.list).toEqual([
      { root_id: 'root-1', active: false, in_ring: true, registered: true, keys: 0 },
      { root_id: 'root-2', active: true, in_ring: true, registered: true, keys: 4 },
    ]);

    await cli.must('root-key remove root-1');
    expect(await readFile(ring, 'utf8')).not.toMatch(/root-1/);
    expect(await cli.tamper('SELECT id FROM root_key')).toEqual([{ id: 'root-2' }]);
    // Whatever was wrapped is still opened.
    await cli.must('tenant create umbrella');
    expect((await cli.must('audit verify --json')).json.faults).toEqual([]);
  });

  it('has nothing to move the second time', async () => {
    await cli.must('root-key add');
    await cli.must('root-key rotate');
    expect((await cli.must('root-key rotate --json')).json).toEqual({ root_id: 'root-2', moved: 0 });
  });

  it('does not let go of the active root', async () => {
    expect((await cli.run('root-key remove root-1')).exitCode).toBe(5);
    expect(await readFile(ring, 'utf8')).toMatch(/^root-1 /m);
  });

  it('answers a root that is nowhere with exit code 4', async () => {
    expect((await cli.run('root-key remove root-9')).exitCode).toBe(4);
  });

  it('finishes a removal that was interrupted after the database forgot the root', async () => {
    await cli.must('root-key add');
    await cli.must('root-key rotate');
    await cli.tamper(`DELETE FROM root_key WHERE id = 'root-1'`);
    await cli.must('root-key remove root-1');
    expect(await readFile(ring, 'utf8')).not.toMatch(/root-1/);
  });

  it('adds no root to a ring that is not the one of the database', async () => {
    const own = await readFile(ring, 'utf8');
    const other = `root-1 ${Buffer.alloc(32, 7).toString('base64')}\n`;
    await writeFile(ring, other, { mode: 0o600 });
    const { exitCode, err } = await cli.run('root-key add');
    expect(exitCode).toBe(5);
    expect(err).toContain('made with root-1');
    expect(await readFile(ring, 'utf8')).toBe(other);
    await writeFile(ring, own);
    await cli.must('root-key add');
  });

  it('makes no new ring where the one that the database was made with is gone', async () => {
    const elsewhere = { CLAVIGER_ROOT_KEY_FILE: join(cli.dataDir, 'none', 'root.key') };
    expect((await cli.run('root-key add', elsewhere)).exitCode).toBe(5);
    expect((await cli.run('root-key list', elsewhere)).exitCode).toBe(3);
  });

  it('keeps the ring working without the database and says so', async () => {
    const unreachable = { DATABASE_URL: 'postgres://claviger_app:x@127.0.0.1:1/claviger' };
    const added = await cli.run('root-key add --json', unreachable);
    expect(added).toMatchObject({ exitCode: 0, json: { root_id: 'root-2', registered: false } });
    expect((await cli.must('root-key list', unreachable)).err).toContain('without the database');
    // The next command that reaches the database makes it known.
    expect((await cli.must('root-key rotate --json')).json).toEqual({ root_id: 'root-2', moved: 4 });
  });

  it('records who did what, under the chain of the platform', async () => {
    await cli.must('root-key add');
    await cli.must('root-key rotate');
    await cli.must('root-key remove root-1');
    const rows = await cli.tamper(
      `SELECT action, outcome, actor, body::jsonb -> 'detail' ->> 'root_id' AS root_id, request_id
         FROM audit_event WHERE tenant_id = '_platform' ORDER BY ts, event_id`,
    );
    expect(rows.map((row) => [row.action, row.root_id])).toEqual([
      ['platform.root-key.add', 'root-2'],
      ['platform.root-key.rotate', 'root-2'],
      ['platform.root-key.remove', 'root-1'],
    ]);
    for (const row of rows)
      expect(row).toMatchObject({ outcome: 'success', actor: expect.stringMatching(/^urn:claviger:cli\|./) });
    expect(new Set(rows.map((row) => row.request_id)).size).toBe(3);
  });
});
