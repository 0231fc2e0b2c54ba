import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '#config';
import { FakeClock } from '../test/fake-issuer.js';
import { Authenticator } from './authenticator.js';
import { DevelopmentIssuer, type TokenOrder } from './development-issuer.js';
import { IssuerRegistry } from './issuer-registry.js';

describe('DevelopmentIssuer', () => {
  let folder: string;
  let dataDir: string;
  let path: string;
  const clock = new FakeClock();
  const order: TokenOrder = { tenant: 'acme', scope: 'kms:keys:read kms:keys:sign', ttlS: 3600 };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'identity-'));
    dataDir = join(folder, 'data');
    path = join(dataDir, 'issuer.json');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('mints tokens that a process which trusts the same folder accepts', async () => {
    const token = await (await DevelopmentIssuer.open(dataDir, clock)).mint(order);
    const development = await DevelopmentIssuer.open(dataDir, clock);
    const authenticator = new Authenticator(new IssuerRegistry([], { clock, development }), clock);
    expect(await authenticator.authenticate(`Bearer ${token}`)).toEqual({
      issuer: 'urn:claviger:development',
      subject: 'developer',
      tenantId: 'acme',
      permissions: new Set(['kms:keys:read', 'kms:keys:sign']),
    });
  });

  it('is not trusted where it was not given', async () => {
    const token = await (await DevelopmentIssuer.open(dataDir, clock)).mint(order);
    const authenticator = new Authenticator(new IssuerRegistry([], { clock }), clock);
    await expect(authenticator.authenticate(`Bearer ${token}`)).rejects.toMatchObject({
      code: 'invalid_token',
    });
  });

  it('can name the subject, grant platform:admin and narrow to keys', async () => {
    const development = await DevelopmentIssuer.open(dataDir, clock);
    const narrowing = { aliases: ['ca/root'], tags: ['pki'] };
    const token = await development.mint({ ...order, scope: 'platform:admin', subject: 'ann', narrowing });
    const authenticator = new Authenticator(new IssuerRegistry([], { clock, development }), clock);
    expect(await authenticator.authenticate(`Bearer ${token}`)).toMatchObject({
      subject: 'ann',
      permissions: new Set(['platform:admin']),
      narrowing: { keys: [], aliases: ['ca/root'], tags: ['pki'] },
    });
  });

  it('keeps its key in a file of its owner alone, and leaves nothing else behind', async () => {
    const { jwks } = await DevelopmentIssuer.open(dataDir);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['issuer.json']);
    const { d } = JSON.parse(await readFile(path, 'utf8')) as { d: string };
    expect(d).toHaveLength(43);
    expect(JSON.stringify(jwks)).not.toContain(d);
  });

  it('agrees on one key when many open it at the same time', async () => {
    const issuers = await Promise.all(Array.from({ length: 20 }, () => DevelopmentIssuer.open(dataDir)));
    expect(new Set(issuers.map(({ jwks }) => JSON.stringify(jwks))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['issuer.json']);
  });

  it('expires a token after the seconds that were asked for', async () => {
    const development = await DevelopmentIssuer.open(dataDir, clock);
    for (const ttlS of [1, 30 * 86_400]) {
      const claims = decodeJwt(await development.mint({ ...order, ttlS }));
      expect(claims).toMatchObject({ iat: clock.nowS, exp: clock.nowS + ttlS });
    }
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a tenant that cannot be', { tenant: 'ACME' }, 'tenant'],
    ['a scope with an unknown word', { scope: 'kms:keys:read kms:keys:sing' }, 'scope'],
    ['an empty scope', { scope: '' }, 'scope'],
    ['no seconds', { ttlS: 0 }, 'ttlS'],
    ['more than 30 days', { ttlS: 30 * 86_400 + 1 }, 'ttlS'],
    ['parts of a second', { ttlS: 1.5 }, 'ttlS'],
    ['an empty subject', { subject: '' }, 'subject'],
    ['a narrowing that names nothing', { narrowing: { keys: [] } }, 'narrowing'],
    ['a narrowing to something else', { narrowing: { keyz: ['a'] } }, 'narrowing'],
  ])('refuses to mint for %s', async (_, wrong, place) => {
    const development = await DevelopmentIssuer.open(dataDir);
    await expect(development.mint({ ...order, ...wrong } as TokenOrder)).rejects.toMatchObject({
      code: 'validation_failed',
      errors: expect.arrayContaining([expect.objectContaining({ path: place })]) as unknown,
    });
  });

  it('refuses a file that others can read', async () => {
    await DevelopmentIssuer.open(dataDir);
    await chmod(path, 0o640);
    await expect(DevelopmentIssuer.open(dataDir)).rejects.toThrow(ConfigError);
  });

  it.each(['', '{', 'null', '{"kty":"EC","d":"canary"}'])(
    'refuses the file %j without repeating it',
    async (text) => {
      await mkdir(dataDir);
      await writeFile(path, text, { mode: 0o600 });
      await expect(DevelopmentIssuer.open(dataDir)).rejects.toThrow(
        /^(?!.*canary).*not a development issuer/s,
      );
    },
  );

  it('says so when the file cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(DevelopmentIssuer.open(join(folder, 'file'))).rejects.toThrow(ConfigError);
    await mkdir(dataDir);
    await symlink('nowhere', path);
    await expect(DevelopmentIssuer.open(dataDir)).rejects.toThrow(ConfigError);
  });
});
