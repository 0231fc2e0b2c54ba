import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticator, DevelopmentIssuer, IssuerRegistry } from '#identity';
import { CommandLine } from './command-line.js';

let cli: CommandLine;
beforeAll(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.remove());

const authenticate = async (token: string) => {
  const development = await DevelopmentIssuer.open(cli.dataDir);
  return new Authenticator(new IssuerRegistry([], { development })).authenticate(`Bearer ${token}`);
};

describe('claviger tenant', () => {
  it('makes a tenant once', async () => {
    const { json } = await cli.must('tenant create acme --json');
    expect(json).toMatchObject({ tenant_id: 'acme', state: 'active', version: 1 });
    const again = await cli.run('tenant create acme --json');
    expect(again).toMatchObject({ exitCode: 5, out: '' });
    expect(JSON.parse(again.err).error.code).toBe('tenant_exists');
  });

  it('suspends and resumes, and has the state at once', async () => {
    await cli.run('tenant create globex');
    expect((await cli.must('tenant suspend globex --json')).json.state).toBe('suspended');
    expect((await cli.must('tenant get globex --json')).json.state).toBe('suspended');
    expect((await cli.must('tenant resume globex --json')).json.state).toBe('active');
    expect((await cli.must('tenant get globex')).out).toMatch(/^globex\tactive\t/);
  });

  it.each(['get', 'suspend', 'resume'])('answers %s of an unknown tenant with exit code 4', async (verb) => {
    const { exitCode, err } = await cli.run(`tenant ${verb} nobody --json`);
    expect(exitCode).toBe(4);
    expect(JSON.parse(err).error.code).toBe('not_found');
  });

  it('lists all of them, also beyond a page, in the order of their ids', async () => {
    await cli.tamper(`INSERT INTO tenant (id) SELECT 'bulk-' || n FROM generate_series(1, 1200) n`);
    const ids = (await cli.must('tenant list --json')).json.list.map(
      (tenant: { tenant_id: string }) => tenant.tenant_id,
    );
    const [{ count }] = await cli.tamper('SELECT count(*)::int FROM tenant');
    expect(ids).toHaveLength(count);
    expect(ids).toEqual([...new Set(ids)].sort());
  });

  it('refuses to work where row-level security would not hold', async () => {
    const { exitCode, err } = await cli.run('tenant list', { DATABASE_URL: cli.database!.ownerUrl });
    expect(exitCode).toBe(6);
    expect(err).toContain('owns tables');
  });
});

describe('claviger token', () => {
  const argv = (...more: string[]) => [
    'token',
    '--tenant',
    'hooli',
    '--scope',
    'kms:keys:sign audit:read',
    ...more,
  ];

  it('prints a token that is accepted, and nothing else, and makes the tenant', async () => {
    const { exitCode, out } = await cli.run(argv());
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const principal = await authenticate(out.trim());
    expect(principal).toMatchObject({ tenantId: 'hooli', subject: 'developer' });
    expect(principal.permissions).toEqual(new Set(['kms:keys:sign', 'audit:read']));
    expect(principal.narrowing).toBeUndefined();
    expect((await cli.must('tenant get hooli --json')).json.state).toBe('active');
  });

  it('says in the token for whom, how long and for which keys', async () => {
    const more = [
      '--subject',
      'ci',
      '--ttl',
      '15m',
      '--key',
      'key-1',
      '--alias',
      'a',
      '--alias',
      'b',
      '--tag',
      't',
    ];
    const { json } = await cli.run(argv('--json', ...more));
    expect(Object.keys(json)).toEqual(['token']);
    expect(await authenticate(json.token)).toMatchObject({
      subject: 'ci',
      narrowing: { keys: ['key-1'], aliases: ['a', 'b'], tags: ['t'] },
    });
    const claims = JSON.parse(Buffer.from(json.token.split('.')[1], 'base64url').toString());
    expect(claims.exp - claims.iat).toBe(900);
  });

  it('makes one tenant where many ask at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, () => cli.run('token --tenant rush --scope kms:keys:read')),
    );
    expect(outcomes.map((outcome) => outcome.exitCode)).toEqual([0, 0, 0, 0]);
    expect(await cli.tamper(`SELECT count(*)::int FROM tenant_kek WHERE tenant_id = 'rush'`)).toEqual([
      { count: 1 },
    ]);
  });

  it('says that the tenant is suspended, for its tokens will be refused', async () => {
    await cli.must('token --tenant idle --scope kms:keys:read');
    await cli.must('tenant suspend idle');
    const { exitCode, err } = await cli.run('token --tenant idle --scope kms:keys:read');
    expect(exitCode).toBe(0);
    expect(err).toContain('suspended');
    expect((await cli.run('token --tenant idle --scope kms:keys:read --quiet')).err).toBe('');
  });

  it('refuses a name that no token may carry with exit code 2', async () => {
    const { exitCode, out } = await cli.run(argv('--subject', 'a\u0000b'));
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
  });
});
