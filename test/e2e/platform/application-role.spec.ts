import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { applicationRoleProblems, createDataSource } from '#database';
import { createTestDatabase, type TestDatabase } from '../../harness/postgres.js';
import { superuserUrl } from './database-access.js';

const PASSWORD = 'only-in-this-test';

/** What keeps a process from starting: with these roles row-level security would be for show. */
describe('the role of DATABASE_URL', () => {
  let test: TestDatabase;
  let admin: pg.Client;
  const made: string[] = [];

  async function makeRole(attributes: string, grants: readonly string[] = []): Promise<string> {
    const role = `claviger_probe_${crypto.randomUUID().replaceAll('-', '_')}`;
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}' ${attributes}`);
    made.push(role);
    await admin.query(`GRANT CONNECT ON DATABASE ${new URL(test.appUrl).pathname.slice(1)} TO ${role}`);
    for (const grant of grants) await admin.query(`GRANT ${grant} TO ${role}`);
    const url = new URL(test.appUrl);
    url.username = role;
    url.password = PASSWORD;
    return url.href;
  }

  async function problemsOf(url: string): Promise<string[]> {
    const source = createDataSource({ url, poolSize: 1, applicationName: 'test' });
    await source.initialize();
    try {
      return await applicationRoleProblems(source);
    } finally {
      await source.destroy();
    }
  }

  beforeAll(async () => {
    test = await createTestDatabase();
    admin = new pg.Client(inject('postgres').adminUrl);
    await admin.connect();
  });

  afterAll(async () => {
    await test.drop();
    for (const role of made) await admin.query(`DROP ROLE ${role}`);
    await admin.end();
  });

  it('is good as it is made', async () => {
    expect(await problemsOf(test.appUrl)).toEqual([]);
    expect(await problemsOf(await makeRole('NOINHERIT', ['claviger_app', 'claviger_system']))).toEqual([]);
  });

  it('is no superuser', async () => {
    expect(await problemsOf(superuserUrl(test.appUrl))).toContainEqual(
      expect.stringContaining('is a superuser'),
    );
  });

  it('does not own the tables', async () => {
    expect(await problemsOf(test.ownerUrl)).toContainEqual(expect.stringContaining('owns tables'));
  });

  it('is no member of a role that owns the tables', async () => {
    const url = await makeRole('INHERIT', ['claviger_owner', 'claviger_system']);
    expect(await problemsOf(url)).toContainEqual(expect.stringContaining('owns tables'));
  });

  it('may not become the owner by SET ROLE', async () => {
    const url = await makeRole('NOINHERIT', ['claviger_owner', 'claviger_system']);
    expect(await problemsOf(url)).not.toEqual([]);
  });

  it('has no BYPASSRLS', async () => {
    const url = await makeRole('NOINHERIT BYPASSRLS', ['claviger_system']);
    expect(await problemsOf(url)).toContainEqual(expect.stringContaining('has BYPASSRLS'));
  });

  it('may not become a superuser or a BYPASSRLS role by SET ROLE', async () => {
    const bypassing = new URL(await makeRole('NOINHERIT BYPASSRLS')).username;
    const url = await makeRole('NOINHERIT', [bypassing, 'claviger_system']);
    expect(await problemsOf(url)).not.toEqual([]);
  });

  it('does not inherit the system role, whose policies see every tenant', async () => {
    const url = await makeRole('INHERIT', ['claviger_app', 'claviger_system']);
    expect(await problemsOf(url)).toContainEqual(expect.stringContaining('inherits claviger_system'));
  });

  it('can take the system role for the platform’s jobs', async () => {
    expect(await problemsOf(await makeRole('NOINHERIT'))).toContainEqual(
      expect.stringContaining('is no member of claviger_system'),
    );
  });
});
