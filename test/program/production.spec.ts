import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OutsideIssuer } from '../e2e/edge/outside-issuer.js';
import { DatabaseServer } from './database-server.js';
import { Stage } from './stage.js';

const PRODUCTION = { NODE_ENV: 'production' };
const CREATE = { algorithm: 'ECDSA', size: 256, name: 'of production' };

describe('in production', () => {
  let stage: Stage;
  let database: DatabaseServer;
  let issuer: OutsideIssuer;
  /** What an operator sets, by the name that a refusal has to say. */
  let settings: Record<string, string>;

  beforeAll(async () => {
    stage = await Stage.open();
    database = await DatabaseServer.start();
    issuer = await OutsideIssuer.create('https://login.example.org');
    settings = {
      DATABASE_URL: database.appUrl,
      CLAVIGER_ROOT_KEY_FILE: `${stage.dataDir}-root/root.key`,
      CLAVIGER_ISSUERS: JSON.stringify([issuer.config({ tenants: ['acme'] })]),
    };
    await stage.must(['root-key', 'add'], {
      ...PRODUCTION,
      CLAVIGER_ROOT_KEY_FILE: settings.CLAVIGER_ROOT_KEY_FILE as string,
    });
    await stage.must(['migrate'], {
      ...PRODUCTION,
      ...settings,
      CLAVIGER_MIGRATION_DATABASE_URL: database.ownerUrl,
    });
  });
  afterAll(async () => {
    await stage?.close();
    await database?.stop();
    await issuer?.remove();
  });

  /** What the program says of a configuration that it refuses. */
  const refusalOf = async (env: Record<string, string>): Promise<string> => {
    const program = stage.launch({ ...PRODUCTION, ...env });
    expect((await program.ended()).exitCode).toBe(1);
    expect(program.printed).not.toContain('listens');
    await stage.isDeserted();
    return program.printed;
  };

  it('nothing is generated or defaulted: the start names everything that has to be set', async () => {
    const refusal = await refusalOf({});
    for (const name of ['DATABASE_URL', 'CLAVIGER_ROOT_KEY_FILE', 'CLAVIGER_ISSUERS'])
      expect(refusal).toMatch(new RegExp(`^ +${name}\\b.*:`, 'm'));
    expect(existsSync(stage.dataDir)).toBe(false);
  });

  it.each(['DATABASE_URL', 'CLAVIGER_ROOT_KEY_FILE', 'CLAVIGER_ISSUERS'])(
    'names %s where only that is missing',
    async (missing) => {
      const { [missing]: _, ...others } = settings;
      const refusal = await refusalOf(others);
      expect(refusal).toMatch(new RegExp(`^ +${missing}\\b.*:`, 'm'));
      for (const name of Object.keys(others)) expect(refusal).not.toMatch(new RegExp(`^ +${name}\\b`, 'm'));
    },
  );

  it('a role that row-level security does not hold for is refused, saying why', async () => {
    expect(await refusalOf({ ...settings, DATABASE_URL: database.superuserUrl })).toMatch(
      /DATABASE_URL: role postgres is a superuser; row-level security would not hold/,
    );
    expect(await refusalOf({ ...settings, DATABASE_URL: database.ownerUrl })).toMatch(
      /DATABASE_URL: role claviger_owner owns tables/,
    );
  });

  it('the configured issuer is believed, and the development issuer is not', async () => {
    // Somebody tried it out in the same folder before: its issuer has a key there.
    const inDevelopment = {
      DATABASE_URL: database.appUrl,
      CLAVIGER_ROOT_KEY_FILE: settings.CLAVIGER_ROOT_KEY_FILE as string,
    };
    const scope = 'kms:keys:read kms:keys:write';
    const { token } = await stage.must(['token', '--tenant', 'acme', '--scope', scope], inDevelopment);
    expect(existsSync(join(stage.dataDir, 'issuer.json'))).toBe(true);

    const program = await stage.start({ ...PRODUCTION, ...settings });
    expect(program.printed).not.toContain('curl');
    const outsider = await stage.clientOf(program, token).call('POST', '/api/kms/v1/keys', CREATE);
    expect(outsider.status).toBe(401);
    const known = stage.clientOf(program, await issuer.mint({ scope }));
    await known.must(201, 'POST', '/api/kms/v1/keys', CREATE);
    expect((await known.must(200, 'GET', '/api/kms/v1/keys')).list).toHaveLength(1);
    expect(existsSync(join(stage.dataDir, 'pg'))).toBe(false);
    await program.stop();
  });

  it('no token is minted, and no tenant is made with one', async () => {
    const args = ['token', '--tenant', 'umbrella', '--scope', 'kms:keys:read'];
    const { exitCode, out, err } = await stage.claviger(args, { ...PRODUCTION, ...settings });
    expect(exitCode).toBe(3);
    expect(out).toBe('');
    expect(err).toContain('NODE_ENV');
    const { list } = await stage.must(['tenant', 'list'], { ...PRODUCTION, ...settings });
    expect(list.map((tenant: { tenant_id: string }) => tenant.tenant_id)).toEqual(['acme']);
  });
});
