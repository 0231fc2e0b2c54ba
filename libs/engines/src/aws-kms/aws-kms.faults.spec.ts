import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findKeySpec, findSignatureRow } from '#crypto';
import { SecretBytes, type AppError } from '#kernel';
import type { AwsKmsFake } from '../../../../test/fakes/aws-kms/aws-kms-fake.js';
import { BROKEN, THROTTLED, type Fault } from '../../../../test/fakes/aws-kms/fault-plan.js';
import { TENANT, message, stored } from '../conformance/soundness.js';
import type { StoredEngineKey } from '../engine.js';
import type { AwsKmsEngine } from './aws-kms.engine.js';
import { connectFaultOf } from './kms-faults.js';
import { engineOn, startFake } from './testing/fake-engine.js';

const P256 = findKeySpec('ECDSA', 256)!;
const ref = { tenantId: TENANT, keyId: 'key-1' };
const row = findSignatureRow('ECDSA_SHA_256')!;
const sign = (one: AwsKmsEngine, key: StoredEngineKey): Promise<Buffer> =>
  one.sign(key, { row, type: 'raw', data: message });

let fake: AwsKmsFake;
let engine: AwsKmsEngine;
beforeEach(async () => {
  fake = await startFake();
  engine = engineOn(fake);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await engine.close();
  await fake.stop();
});

const newKey = async (keyId = 'key-1', by = engine): Promise<StoredEngineKey> =>
  stored({ ...ref, keyId }, P256, await by.generate({ ...ref, keyId }, P256));
const states = (): string[] => fake.account.keys().map(({ state }) => state);
const refused = (codeOfAws: string, status = 400): Fault => ({ kind: 'refuse', code: codeOfAws, status });
const caught = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as { code: string; detail: string; retryAfterS?: number; cause: Error },
  );

describe('a service that has trouble', () => {
  it.each([
    ['throttles', THROTTLED],
    ['fails inside', BROKEN],
    ['drops the connection', { kind: 'drop' }],
  ] as const)('is asked again when it %s, and nobody notices', async (_, fault) => {
    const key = await newKey();
    fake.faults.plan('Sign', fault, 2);
    await sign(engine, key);
    expect(fake.inputsOf('Sign')).toHaveLength(3);
  });

  it.each([
    ['ThrottlingException', 400, 4, 'unavailable'],
    ['KMSInternalException', 500, 4, 'unavailable'],
    ['DependencyTimeoutException', 503, 4, 'unavailable'],
    ['KeyUnavailableException', 500, 4, 'unavailable'],
    ['LimitExceededException', 400, 1, 'unavailable'],
    ['AccessDeniedException', 400, 1, 'unavailable'],
    ['ExpiredTokenException', 400, 1, 'unavailable'],
    ['DisabledException', 409, 1, 'key_state'],
    ['NotFoundException', 400, 1, 'key_state'],
    ['UnsupportedOperationException', 400, 1, 'unsupported_by_engine'],
    ['ValidationException', 400, 1, 'internal'],
    ['SomethingNewException', 418, 1, 'internal'],
  ] as const)(
    'that goes on with %s (%i) is asked %i times and answered as %s',
    async (name, status, times, expected) => {
      const key = await newKey();
      fake.faults.plan('Sign', refused(name, status), 10);
      const error = await caught(sign(engine, key));
      expect(error).toMatchObject({ code: expected });
      expect(error?.retryAfterS === undefined).toBe(expected !== 'unavailable');
      expect(fake.inputsOf('Sign')).toHaveLength(times);
    },
  );

  it.each([{ kind: 'hang' }, { kind: 'stall' }] as const)(
    'that never answers ($kind) is unavailable, and works again afterwards',
    async (fault) => {
      const key = await newKey();
      const hasty = engineOn(fake, { timeout_ms: 2_000 });
      fake.faults.plan('*', fault, 1_000);
      const errors = await Promise.all([
        ...Array.from({ length: 100 }, () => caught(sign(hasty, key))),
        caught(hasty.find(ref)),
        caught(hasty.generate({ ...ref, keyId: 'key-2' }, P256)),
        caught(hasty.connect()),
      ]);
      expect(new Set(errors.map((error) => error?.code))).toEqual(new Set(['unavailable']));
      expect(await hasty.health()).toMatchObject({ status: 'down', reason: expect.any(String) });
      fake.faults.clear();
      await sign(hasty, key);
      await hasty.close();
    },
  );

  it('that is away is unavailable, for connect and for use, and down', async () => {
    const key = await newKey();
    await fake.stop();
    expect(await caught(engine.connect())).toMatchObject({ code: 'unavailable', retryAfterS: 2 });
    expect(await caught(sign(engine, key))).toMatchObject({ code: 'unavailable', retryAfterS: 2 });
    expect(await engine.health()).toMatchObject({ status: 'down', reason: expect.any(String) });
    fake = await startFake();
  });

  it.each([200, 307, 403, 502])(
    'that is something else, which answers %i, is unavailable',
    async (status) => {
      const asked = new Set<string | undefined>();
      const server = createServer((request, response) => {
        asked.add(request.url);
        response.writeHead(status, { location: '/elsewhere' }).end('<html>not it</html>');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const lost = engineOn({ endpoint, region: fake.region, credentials: fake.credentials });
      expect(await caught(lost.connect())).toMatchObject({ code: 'unavailable' });
      expect(await caught(lost.generate(ref, P256))).toMatchObject({ code: 'unavailable' });
      expect([...asked]).toEqual(['/']);
      await lost.close();
      await new Promise((resolve) => server.close(resolve));
    },
  );

  it('ends what is under way when the engine is closed, and takes nothing new', async () => {
    const key = await newKey();
    fake.faults.plan('Sign', { kind: 'hang' });
    const signing = caught(sign(engine, key));
    await expect.poll(() => fake.inputsOf('Sign').length).toBe(1);
    await engine.close();
    expect(await signing).toMatchObject({ code: 'unavailable' });
    expect(await caught(sign(engine, key))).toMatchObject({ code: 'unavailable' });
  });

  it('is not asked for its health each time that we are', async () => {
    await Promise.all(Array.from({ length: 50 }, () => engine.health()));
    expect(fake.inputsOf('ListKeys')).toHaveLength(1);
  });
});

describe('a creation that fails', () => {
  it('is not tried again where it may have been done, and what was made is found and discarded', async () => {
    fake.faults.plan('CreateKey', { kind: 'drop' });
    expect(await caught(newKey())).toMatchObject({ code: 'unavailable' });
    expect(fake.inputsOf('CreateKey')).toHaveLength(1);
    expect(states()).toEqual(['Enabled']);
    expect((await engine.find(ref))?.spki).toBeInstanceOf(Buffer);
    expect(await engine.find({ ...ref, tenantId: 'other' })).toBeUndefined();
    await engine.discard(ref);
    expect(states()).toEqual(['PendingDeletion']);
    expect(await engine.find(ref)).toBeUndefined();
  });

  it('leaves no second key behind: all that were made for the reference are discarded', async () => {
    fake.faults.plan('CreateKey', { kind: 'drop' }, 2);
    await caught(newKey());
    await caught(newKey());
    const key = await newKey();
    expect((await engine.find(ref))?.spki).toEqual(key.spki);
    await newKey('key-other');
    await engine.discard(ref);
    expect(states().toSorted()).toEqual(['Enabled', ...Array<string>(3).fill('PendingDeletion')]);
    expect(await engine.find({ ...ref, keyId: 'key-other' })).toBeDefined();
  });

  it('is tried again where it was throttled', async () => {
    fake.faults.plan('CreateKey', THROTTLED, 2);
    await newKey();
    expect(states()).toEqual(['Enabled']);
  });

  it('waits for a key that is not known everywhere yet', async () => {
    fake.faults.plan('CreateAlias', refused('NotFoundException'), 2);
    fake.faults.plan('GetPublicKey', refused('NotFoundException'), 2);
    await sign(engine, await newKey());
  });

  it('takes an alias whose creation was answered to nobody for its own', async () => {
    fake.faults.plan('CreateAlias', { kind: 'drop' });
    await sign(engine, await newKey());
  });

  it.each(['CreateAlias', 'GetPublicKey'])(
    'destroys what was made before %s was refused',
    async (operation) => {
      fake.faults.plan(operation, refused('AccessDeniedException'));
      expect(await caught(newKey())).toMatchObject({ code: 'unavailable' });
      expect(states()).toEqual(['PendingDeletion']);
      expect(fake.account.aliases.size).toBe(0);
    },
  );

  it('is finished by discard where the service was away', async () => {
    const hasty = engineOn(fake, { timeout_ms: 2_000 });
    fake.faults.plan('CreateAlias', { kind: 'hang' }, 10);
    fake.faults.plan('DescribeKey', { kind: 'hang' }, 10);
    expect(await caught(hasty.generate(ref, P256))).toMatchObject({ code: 'unavailable' });
    expect(states()).toEqual(['Enabled']);
    fake.faults.clear();
    await engine.discard(ref);
    expect(states()).toEqual(['PendingDeletion']);
    await hasty.close();
  });

  it.each(['DisableKey', 'ScheduleKeyDeletion', 'DeleteAlias'])(
    'or destruction whose %s was answered to nobody is complete all the same',
    async (operation) => {
      const key = await newKey();
      fake.faults.plan(operation, { kind: 'drop' });
      await engine.destroy(key);
      expect(states()).toEqual(['PendingDeletion']);
      expect(fake.account.aliases.size).toBe(0);
    },
  );
});

describe('tenants', () => {
  it('cannot use up what others need: one that floods is told to wait, and another signs', async () => {
    const key = await newKey();
    const narrow = engineOn(fake, { requests_per_second: 5 });
    const flood = await Promise.all(Array.from({ length: 200 }, () => caught(sign(narrow, key))));
    const limited = flood.filter((error) => error?.code === 'rate_limited');
    expect(limited.length).toBeGreaterThan(100);
    expect(limited.every((error) => error!.retryAfterS! >= 1)).toBe(true);
    const other = { tenantId: 'other', keyId: 'key-2' };
    await sign(narrow, stored(other, P256, await narrow.generate(other, P256)));
    await narrow.close();
  });
});

describe('keys of one tenant', () => {
  it('are made in turns with those of the others, however many it asks for', async () => {
    const done: string[] = [];
    const make = (tenantId: string, keyId: string): Promise<unknown> =>
      engine.generate({ tenantId, keyId }, P256).then(() => done.push(tenantId));
    const greedy = Array.from({ length: 30 }, (_, n) => make('greedy', `key-${n}`));
    await Promise.all([...greedy, make('late', 'key-1')]);
    expect(done.indexOf('late')).toBeLessThanOrEqual(6);
  });
});

describe('what errors tell', () => {
  it('is nothing of AWS: no ARN, no account, no credential, in the answer or in its cause', async () => {
    const key = await newKey();
    const { accessKeyId, secretAccessKey } = fake.credentials;
    fake.faults.plan('Sign', refused('AccessDeniedException'));
    const denied = (await caught(sign(engine, key)))!;
    expect(JSON.stringify([denied.detail, denied])).not.toMatch(/arn:|111122223333/);
    expect(denied.cause.message).toContain('AccessDeniedException: arn:');
    const session = { ...fake.credentials, sessionToken: 'the-session-token-of-a-role' };
    fake.credentials = session;
    const forger = engineOn(fake, {}, { ...session, secretAccessKey: 'x'.repeat(40) });
    const errors = [(await caught(sign(forger, key)))!, (await caught(forger.connect()))!];
    for (const error of [...errors, denied]) {
      const told = [
        error.detail,
        JSON.stringify(error),
        error.cause.message,
        error.cause.stack,
        String(error),
      ];
      expect(Object.keys(error.cause)).toEqual([]);
      for (const secret of [accessKeyId, secretAccessKey, session.sessionToken]) {
        expect(told.join('\n')).not.toContain(secret);
      }
    }
    expect(errors[0]).toMatchObject({ code: 'unavailable', retryAfterS: 60 });
    expect(errors[1]).toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'secrets.secret_access_key' }],
    });
    await forger.close();
  });

  it('is nothing of a request that is repeated by whoever answers: no token of a session, no message, no key', async () => {
    const sessionToken = 'the+session/token"of%a\\role=';
    fake.credentials = { ...fake.credentials, sessionToken };
    const session = engineOn(fake);
    const key = await newKey('key-1', session);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pkcs8 = SecretBytes.take(privateKey.export({ type: 'pkcs8', format: 'der' }));
    for (const [operation, work] of [
      ['Sign', () => sign(session, key)],
      ['ImportKeyMaterial', () => session.importKey({ ...ref, keyId: 'key-2' }, P256, pkcs8)],
      ['ListKeys', () => session.connect()],
    ] as const) {
      fake.faults.plan(operation, { kind: 'refuse', code: 'ValidationException', echo: true });
      const { cause } = (await caught(work()))!;
      expect(cause.message).toMatch(/^ValidationException: its message repeats the request \(request .+\)$/);
    }
    await session.close();
  }, 60_000);

  it('names what AWS refuses of the configuration', async () => {
    const pathOf = async (one: AwsKmsEngine): Promise<unknown> => {
      const error = (await caught(one.connect())) as unknown as { code: string; errors: { path: string }[] };
      await one.close();
      return [error.code, ...error.errors.map(({ path }) => path)];
    };
    const { credentials } = fake;
    const unknown = { ...credentials, accessKeyId: 'AKIANOBODYNOBODYNOBO' };
    expect(await pathOf(engineOn(fake, {}, unknown))).toEqual(['validation_failed', 'secrets.access_key_id']);
    const region = engineOn(fake, { region: 'us-east-1' });
    expect(await pathOf(region)).toEqual(['validation_failed', 'config.region']);
    fake.faults.plan('ListKeys', refused('AccessDeniedException'));
    expect(await pathOf(engineOn(fake))).toEqual(['validation_failed', 'secrets.access_key_id']);
    fake.credentials = { ...credentials, sessionToken: 'the-session-token-of-a-role', expired: true };
    expect(await pathOf(engineOn(fake))).toEqual(['validation_failed', 'secrets.session_token']);
  });

  it('names the region that has no address, or the endpoint; a resolver that cannot tell is no fault of either', () => {
    const of = (codeOfNode: string, endpoint: string): AppError =>
      connectFaultOf(Object.assign(new Error('getaddrinfo'), { code: codeOfNode }), {
        region: 'eu-nowhere-1',
        endpoint,
        credentials: undefined,
      });
    const own = 'https://kms.eu-nowhere-1.amazonaws.com';
    for (const [endpoint, path] of [
      [own, 'config.region'],
      ['https://kms.example.net', 'config.endpoint'],
    ] as const) {
      const errors = [{ path, message: expect.stringContaining('no address') }];
      expect(of('ENOTFOUND', endpoint)).toMatchObject({ code: 'validation_failed', errors });
    }
    expect(of('EAI_AGAIN', own)).toMatchObject({ code: 'unavailable' });
  });

  it('takes nothing from the environment unless it is told to, and never the address', async () => {
    const ambient = { credentials: 'ambient' };
    const { accessKeyId, secretAccessKey } = fake.credentials;
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_ENDPOINT_URL_KMS', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_CONFIG_FILE', '/none');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/none');
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    const without = engineOn(fake, ambient);
    expect(await caught(without.connect())).toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'config.credentials' }],
    });
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
    const within = engineOn(fake, ambient);
    await within.connect();
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another');
    await engine.connect();
    await Promise.all([without.close(), within.close()]);
  });

  it('connects with credentials of a session', async () => {
    fake.credentials = { ...fake.credentials, sessionToken: 'the-session-token-of-a-role' };
    const session = engineOn(fake);
    await session.connect();
    await session.close();
  });
});
