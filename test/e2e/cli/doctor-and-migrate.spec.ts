import type { QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '#migrations';
import { CommandLine } from './command-line.js';

let cli: CommandLine;
beforeEach(async () => {
  cli = await CommandLine.open();
});
afterEach(() => cli.remove());

const NEWEST = MIGRATIONS.at(-1)!;

/** What the migration itself would do to be undone. */
const undoNewest = async (): Promise<void> => {
  const statements: string[] = [];
  const runner = { query: async (text: string) => void statements.push(text) };
  await new NEWEST().down(runner as unknown as QueryRunner);
  // What is made again belongs to the owner, as before.
  await cli.tamper(
    'SET ROLE claviger_owner',
    ...statements,
    `DELETE FROM schema_migration WHERE name = '${NEWEST.name}'`,
  );
};

const migration = () => ({ CLAVIGER_MIGRATION_DATABASE_URL: cli.database!.ownerUrl });

describe('claviger doctor', () => {
  const checkOf = async (name: string, env: Record<string, string> = {}) => {
    const { exitCode, json } = await cli.run('doctor --json', env);
    const check = json.checks.find((one: { name: string }) => one.name === name);
    return { exitCode, ...check };
  };

  it('finds a database that can be worked with', async () => {
    await cli.must('tenant create acme');
    expect(await checkOf('database')).toMatchObject({
      exitCode: 0,
      status: 'ok',
      detail: expect.stringMatching(/PostgreSQL 1\d/),
    });
    expect(await checkOf('schema')).toMatchObject({ status: 'ok' });
    expect(await checkOf('root-ring')).toMatchObject({ status: 'ok' });
  });

  it('fails a role for which row-level security would not hold', async () => {
    const env = { DATABASE_URL: cli.database!.ownerUrl };
    const check = await checkOf('database-role', env);
    expect(check).toMatchObject({ exitCode: 1, status: 'fail' });
    expect(check.detail).toContain('owns tables');
  });

  it('fails a schema that nobody will bring up to date', async () => {
    await undoNewest();
    const check = await checkOf('schema');
    expect(check).toMatchObject({ exitCode: 1, status: 'fail' });
    expect(check.detail).toContain(NEWEST.name);
    expect(await checkOf('schema', migration())).toMatchObject({ status: 'warn' });
  });

  it('fails a database that refuses the password', async () => {
    const url = new URL(cli.database!.appUrl);
    url.password = 'wrong';
    const check = await checkOf('database', { DATABASE_URL: url.href });
    expect(check).toMatchObject({ exitCode: 1, status: 'fail' });
    expect(check.detail).toContain('refused');
  });

  it('fails a root key ring without a root that is in use, and minds an older one that still is', async () => {
    await cli.must('tenant create acme');
    await cli.must('root-key add');
    expect(await checkOf('root-ring')).toMatchObject({ exitCode: 0, status: 'warn' });
    const elsewhere = { CLAVIGER_ROOT_KEY_FILE: `${cli.dataDir}/none.key` };
    expect(await checkOf('root-ring', elsewhere)).toMatchObject({ exitCode: 1, status: 'fail' });
  });
});

describe('claviger migrate', () => {
  it('runs what has not run, once', async () => {
    await undoNewest();
    expect((await cli.run('tenant list')).exitCode).toBe(6);
    expect((await cli.must('migrate --json', migration())).json).toEqual({ applied: [NEWEST.name] });
    expect((await cli.must('migrate --json', migration())).json).toEqual({ applied: [] });
    await cli.must('tenant create acme');
  });

  it('names the variable that it needs beside DATABASE_URL', async () => {
    const { exitCode, err } = await cli.run('migrate');
    expect(exitCode).toBe(3);
    expect(err).toContain('CLAVIGER_MIGRATION_DATABASE_URL');
  });

  it('answers a database that refuses the owner with exit code 6', async () => {
    const url = new URL(cli.database!.ownerUrl);
    url.password = 'wrong';
    const { exitCode, err } = await cli.run('migrate', { CLAVIGER_MIGRATION_DATABASE_URL: url.href });
    expect(exitCode).toBe(6);
    expect(err).not.toContain('wrong');
  });
});
