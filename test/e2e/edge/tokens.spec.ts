import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { withClient } from '../platform/database-access.js';
import { OutsideIssuer, makeKey, sign } from './outside-issuer.js';

const KEYS = '/api/kms/v1/keys';
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const nowS = (): number => Math.floor(Date.now() / 1_000);

describe('a token', () => {
  let app: TestApp;
  let issuer: OutsideIssuer;
  let powerful: OutsideIssuer;

  const use = (token: string): Promise<Answer> => app.call('GET', KEYS, { token });

  beforeAll(async () => {
    issuer = await OutsideIssuer.create('https://issuer.example');
    powerful = await OutsideIssuer.create('https://operators.example');
    const issuers = [
      issuer.config({ tenants: ['acme', 'missing'] }),
      powerful.config({ tenants: '*', platform_admin: true, tenant_claim: 'org' }),
    ];
    app = await TestApp.start({ env: { CLAVIGER_ISSUERS: JSON.stringify(issuers) } });
    await app.tenant('acme');
    await app.tenant('globex');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
    await issuer.remove();
    await powerful.remove();
  });

  it('that is good lets in', async () => {
    expect((await use(await issuer.mint())).status).toBe(200);
    const ofOperator = await powerful.mint({ tenant: undefined, org: 'globex' });
    expect((await use(ofOperator)).status).toBe(200);
  });

  const publicPem = (): string =>
    createPublicKey({ key: issuer.key.jwk as never, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    }) as string;
  const publicDer = (): Buffer =>
    createPublicKey({ key: issuer.key.jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'der' });
  const withHmac = (secret: Uint8Array, alg: string): Promise<string> =>
    sign(issuer.claims(), { alg, kid: issuer.key.kid, typ: 'JWT' }, secret);
  const unsigned = (alg: string): string =>
    `${base64url({ alg, typ: 'JWT' })}.${base64url(issuer.claims())}.`;
  const withHeader = (header: Record<string, unknown>): Promise<string> =>
    sign(issuer.claims(), { alg: 'ES256', kid: issuer.key.kid, ...header }, issuer.key.privateKey);

  const refusals: Record<string, () => Promise<string> | string> = {
    'signed with `none`': () => unsigned('none'),
    'signed with `NONE`': () => unsigned('NONE'),
    'stripped of its signature': async () => (await issuer.mint()).replace(/[^.]+$/, ''),
    'signed by HMAC with the public key as PEM': () => withHmac(Buffer.from(publicPem()), 'HS256'),
    'signed by HMAC with the public key as DER': () => withHmac(publicDer(), 'HS256'),
    'signed by HMAC with the public key as JWK': () =>
      withHmac(Buffer.from(JSON.stringify(issuer.key.jwk)), 'HS512'),
    'of an unknown key id': async () => issuer.mint({}, await makeKey('no-such-key')),
    'of another key under a known key id': async () => issuer.mint({}, await makeKey(issuer.key.kid)),
    'of another algorithm than the issuer is configured with': async () =>
      issuer.mint({}, await makeKey('other', 'RS256')),
    'of an unknown issuer': () => issuer.mint({ iss: 'https://stranger.example' }),
    'of no issuer': () => issuer.mint({ iss: undefined }),
    'of one issuer, signed by another': () => issuer.mint({ iss: powerful.issuer, org: 'acme' }),
    'for another audience': () => issuer.mint({ aud: 'somebody-else' }),
    'for no audience': () => issuer.mint({ aud: undefined }),
    'that has expired': () => issuer.mint({ exp: nowS() - 61 }),
    'that never expires': () => issuer.mint({ exp: undefined }),
    'whose expiry is no number': () => issuer.mint({ exp: 'never' }),
    'that is not valid yet': () => issuer.mint({ nbf: nowS() + 120 }),
    'that was issued in the future': () => issuer.mint({ iat: nowS() + 120 }),
    'without a subject': () => issuer.mint({ sub: undefined }),
    'with a subject that would break the log': () => issuer.mint({ sub: 'a\nb' }),
    'with a scope that is none': () => issuer.mint({ scope: { all: true } }),
    'with authorization details that cannot be understood': () =>
      issuer.mint({ authorization_details: [{ type: 'claviger_keys', everything: true }] }),
    'of another type': () => withHeader({ typ: 'logout+jwt' }),
    'with a critical extension': async () => {
      const [, payload, signature] = (await issuer.mint()).split('.');
      return `${base64url({ alg: 'ES256', kid: issuer.key.kid, crit: ['exp'], exp: 1 })}.${payload}.${signature}`;
    },
    'whose payload was changed': async () => {
      const [header, , signature] = (await issuer.mint()).split('.');
      return `${header}.${base64url(issuer.claims({ tenant: 'missing' }))}.${signature}`;
    },
    'that brings its own key': async () => {
      const own = await makeKey('brought');
      return sign(issuer.claims(), { alg: 'ES256', jwk: own.jwk, typ: 'JWT' }, own.privateKey);
    },
    'that names where its key is': async () => {
      const own = await makeKey('elsewhere');
      return sign(issuer.claims(), { alg: 'ES256', kid: own.kid, jku: `${app.url}/docs` }, own.privateKey);
    },
    'that is no JWT': () => 'aaaa.bbbb.cccc',
    'that is longer than any token': () => `a.${'b'.repeat(9_000)}.c`,
  };

  it.each(Object.entries(refusals))('%s is refused with 401 and the reason', async (_, make) => {
    const token = await make();
    const { status, body, headers, text } = await use(token);
    expect([status, body.code]).toEqual([401, 'invalid_token']);
    expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(body.detail).toMatch(/^[A-Z].*\.$/);
    for (const part of token.split('.').filter((part) => part.length > 3)) expect(text).not.toContain(part);
  });

  it('for a tenant outside its issuer’s list is refused with 403, whether there is such a tenant or not', async () => {
    const [exists, missing] = [
      await use(await issuer.mint({ tenant: 'globex' })),
      await use(await issuer.mint({ tenant: 'nobody' })),
    ];
    for (const { status, body } of [exists, missing]) {
      expect([status, body.code]).toEqual([403, 'tenant_unavailable']);
    }
    expect({ ...exists.body, instance: '' }).toEqual({ ...missing.body, instance: '' });
  });

  it.each([undefined, '', 'ACME', '_platform', 'acme\n', ['acme'], { id: 'acme' }])(
    'with the tenant %j is refused with 403',
    async (tenant) => {
      const { status, body } = await use(await issuer.mint({ tenant }));
      expect([status, body.code]).toEqual([403, 'tenant_unavailable']);
    },
  );

  it('names its tenant in the claim that is configured, and in no other', async () => {
    const { status } = await use(await powerful.mint({ tenant: 'acme' }));
    expect(status).toBe(403);
  });

  it('with platform:admin from an issuer that may not grant it is refused as a whole, with 403', async () => {
    const { status, body } = await use(await issuer.mint({ scope: 'kms:keys:read platform:admin' }));
    expect([status, body.code]).toEqual([403, 'forbidden']);
    const granted = await powerful.mint({ org: 'acme', scope: 'platform:admin' });
    expect((await app.call('GET', '/api/platform/v1/tenants', { token: granted })).status).toBe(200);
  });

  it('that claims more than its issuer may is in the platform’s audit log, not in that of the tenant it names', async () => {
    const claims = [{ tenant: 'globex' }, { tenant: 'nobody' }, { scope: 'platform:admin' }];
    for (const [index, claim] of claims.entries()) {
      const headers = { 'x-request-id': `overreach-${index}` };
      const token = await issuer.mint(claim);
      expect((await app.call('GET', KEYS, { token, headers })).status).toBe(403);
    }
    const { rows } = await withClient(app.installation.database.ownerUrl, (owner) =>
      owner.query<{ tenant_id: string; action: string }>(
        `SELECT tenant_id, action FROM audit_event WHERE request_id LIKE 'overreach-%'`,
      ),
    );
    expect(rows).toEqual(claims.map(() => ({ tenant_id: '_platform', action: 'access.denied' })));
  });

  it('within the skew of the clocks is still good, and not beyond', async () => {
    expect((await use(await issuer.mint({ exp: nowS() - 10 }))).status).toBe(200);
    expect((await use(await issuer.mint({ nbf: nowS() + 10 }))).status).toBe(200);
  });

  it('with scopes of other systems has none of ours', async () => {
    const { status } = await use(
      await issuer.mint({ scope: 'openid kms:keys:* KMS:KEYS:READ kms:keys:readonly' }),
    );
    expect(status).toBe(403);
  });

  it('of the development issuer is refused where issuers are configured', async () => {
    const { status, body } = await use(await app.token('acme'));
    expect([status, body.code]).toEqual([401, 'invalid_token']);
  });
});
