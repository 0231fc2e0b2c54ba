import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Closers } from './closers.js';
import { runCli } from './run-cli.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'claviger-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(line: string, env: Record<string, string> = {}) {
  const printed = { out: '', err: '' };
  const exitCode = await runCli(line.split(' '), {
    env: { CLAVIGER_DATA_DIR: join(folder, 'data'), ...env },
    out: (text) => (printed.out += text),
    err: (text) => (printed.err += text),
    closers: new Closers((error) => {
      throw error;
    }),
  });
  return { exitCode, ...printed };
}

const production = (env: Record<string, string> = {}) => ({ NODE_ENV: 'production', ...env });

describe('the command line', () => {
  it.each(['--help', 'token --help', 'help'])(
    'answers %s on standard output, with the exit codes',
    async (line) => {
      const { exitCode, out, err } = await run(line);
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
      expect(out).toContain('6  unavailable');
    },
  );

  it.each([
    'bogus',
    'tenant',
    'tenant create',
    'tenant create Acme',
    'tenant list extra',
    'tenant list --bogus',
    'token --tenant acme',
    'token --tenant acme --scope kms:keys:sing',
    'token --tenant acme --scope kms:keys:sign --ttl 1w',
    'root-key add --id ROOT',
    'audit verify --checkpoints',
  ])('answers %j with exit code 2 and nothing on standard output', async (line) => {
    const { exitCode, out, err } = await run(line);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).not.toBe('');
    expect(await stat(join(folder, 'data')).catch(() => undefined)).toBeUndefined();
  });

  it('answers machines with one document on standard error', async () => {
    const { exitCode, err } = await run('tenant create Acme --json');
    expect(exitCode).toBe(2);
    expect(JSON.parse(err)).toEqual({
      error: { code: 'usage', message: expect.stringContaining('tenant id') },
    });
  });
});

describe('token', () => {
  const line = 'token --tenant acme --scope kms:keys:read --json';

  it('is refused in production, whatever else is configured', async () => {
    const { exitCode, out, err } = await run(line, production());
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: '' });
    expect(JSON.parse(err).error).toEqual({
      code: 'configuration',
      message: expect.stringMatching(/production/),
    });
    expect(await stat(join(folder, 'data')).catch(() => undefined)).toBeUndefined();
  });

  it('is refused where issuers are configured', async () => {
    const issuers = [{ issuer: 'https://id', audience: 'x', jwks_file: '/none', tenants: '*' }];
    const { exitCode, out, err } = await run(line, { CLAVIGER_ISSUERS: JSON.stringify(issuers) });
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: '' });
    expect(err).toContain('development issuer is not trusted');
  });
});

describe('root-key', () => {
  it('makes the ring of production with its place and nothing else configured', async () => {
    const file = join(folder, 'ring', 'root.key');
    const env = production({ CLAVIGER_ROOT_KEY_FILE: file });
    const first = await run('root-key add --json', env);
    expect(JSON.parse(first.out)).toEqual({ root_id: 'root-1', file, registered: false });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await run('root-key add --json', env)).out)).toMatchObject({ root_id: 'root-2' });
    expect(JSON.parse((await run('root-key add --id vault-a --json', env)).out)).toMatchObject({
      root_id: 'vault-a',
    });
    const { list } = JSON.parse((await run('root-key list --json', env)).out);
    expect(list.map((root: { root_id: string; active: boolean }) => [root.root_id, root.active])).toEqual([
      ['root-1', false],
      ['root-2', false],
      ['vault-a', true],
    ]);
  });

  it('prints nothing of a root', async () => {
    const file = join(folder, 'root.key');
    const env = production({ CLAVIGER_ROOT_KEY_FILE: file });
    const { out, err } = await run('root-key add', env);
    const listed = await run('root-key list', env);
    const [, root = ''] = /^root-1 (\S+)$/m.exec(await readFile(file, 'utf8')) ?? [];
    expect(root).toHaveLength(44);
    expect(out + err + listed.out + listed.err).not.toContain(root.slice(0, 8));
  });

  it('refuses an id that the ring has, and leaves the ring as it was', async () => {
    const file = join(folder, 'root.key');
    const env = production({ CLAVIGER_ROOT_KEY_FILE: file });
    await run('root-key add', env);
    const before = await readFile(file, 'utf8');
    expect(await run('root-key add --id root-1', env)).toMatchObject({ exitCode: 5, out: '' });
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('wants to be told the place of the ring in production', async () => {
    const { exitCode, err } = await run('root-key add', production());
    expect(exitCode).toBe(3);
    expect(err).toContain('CLAVIGER_ROOT_KEY_FILE');
    expect(err).not.toContain('DATABASE_URL');
  });

  it('answers a ring that cannot be used with exit code 3', async () => {
    const file = join(folder, 'root.key');
    await writeFile(file, 'root-1 short\n', { mode: 0o600 });
    const env = production({ CLAVIGER_ROOT_KEY_FILE: file });
    for (const line of ['root-key list --json', 'root-key add --json']) {
      const { exitCode, err } = await run(line, env);
      expect(exitCode).toBe(3);
      expect(JSON.parse(err).error.code).toBe('root_ring');
    }
  });
});

describe('what needs a database in production', () => {
  it.each([
    ['tenant list', ['DATABASE_URL', 'CLAVIGER_ROOT_KEY_FILE']],
    ['root-key rotate', ['DATABASE_URL', 'CLAVIGER_ROOT_KEY_FILE']],
    ['audit verify', ['DATABASE_URL']],
    ['migrate', ['CLAVIGER_MIGRATION_DATABASE_URL']],
  ])('%s names what is missing, starts no database and asks for no issuer', async (line, variables) => {
    const { exitCode, err } = await run(line, production());
    expect(exitCode).toBe(3);
    for (const variable of variables) expect(err).toContain(variable);
    expect(err).not.toContain('CLAVIGER_ISSUERS');
    expect(await stat(join(folder, 'data')).catch(() => undefined)).toBeUndefined();
  });

  it('answers a database that is not there with exit code 6', async () => {
    const env = { DATABASE_URL: 'postgres://claviger_app:secret@127.0.0.1:1/claviger' };
    const { exitCode, err } = await run('tenant list --json', env);
    expect(exitCode).toBe(6);
    expect(JSON.parse(err).error.code).toBe('unavailable');
    expect(err).not.toContain('secret');
  });
});

describe('doctor', () => {
  const checksOf = (out: string): { name: string; status: string; detail: string }[] =>
    JSON.parse(out).checks;

  it('lists everything that production misses, and looks at the rest', async () => {
    const { exitCode, out, err } = await run('doctor --json', production());
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: '' });
    const checks = checksOf(out);
    const failed = checks
      .filter((check) => check.status === 'fail')
      .map((check) => check.detail.split(':')[0]);
    expect(failed).toEqual([
      'DATABASE_URL',
      'CLAVIGER_ROOT_KEY_FILE',
      'CLAVIGER_ISSUERS or CLAVIGER_ISSUERS_FILE',
    ]);
    expect(checks).toContainEqual(expect.objectContaining({ name: 'node', status: 'ok' }));
    expect(checks).toContainEqual(expect.objectContaining({ name: 'rate-limit', status: 'warn' }));
  });

  it('looks at the runtime also where no variable can be read', async () => {
    const { exitCode, out } = await run('doctor', { CLAVIGER_PORT: 'many' });
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^ok +node /m);
    expect(out).toMatch(/^fail +configuration +CLAVIGER_PORT/m);
  });

  it('has nothing to complain of before the first start, and makes nothing', async () => {
    const { exitCode, out } = await run('doctor --json');
    expect(exitCode).toBe(0);
    expect(checksOf(out).map((check) => check.name)).toEqual(
      expect.arrayContaining(['database', 'root-ring', 'issuers', 'data-folder']),
    );
    expect(await stat(join(folder, 'data')).catch(() => undefined)).toBeUndefined();
  });

  it('fails a root key ring that others can read', async () => {
    const file = join(folder, 'root.key');
    await writeFile(file, `root-1 ${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o644 });
    const { exitCode, out } = await run('doctor', production({ CLAVIGER_ROOT_KEY_FILE: file }));
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^fail +root-ring .*open to group or others/m);
  });

  it('says why the keys of an issuer cannot be loaded', async () => {
    const jwks = join(folder, 'jwks.json');
    const issuers = [
      { issuer: 'https://good', audience: 'x', jwks_file: jwks, tenants: '*' },
      { issuer: 'https://bad', audience: 'x', jwks_file: join(folder, 'none.json'), tenants: '*' },
    ];
    await writeFile(jwks, '{"keys":[]}');
    const { exitCode, out } = await run('doctor', { CLAVIGER_ISSUERS: JSON.stringify(issuers) });
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^ok +issuers +https:\/\/good/m);
    expect(out).toMatch(/^fail +issuers +https:\/\/bad: .*ENOENT/m);
  });
});
