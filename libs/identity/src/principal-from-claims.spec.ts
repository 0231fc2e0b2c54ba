import { describe, expect, it } from 'vitest';
import { FakeClock, goodClaims, issuerConfig } from '../test/fake-issuer.js';
import { principalFromClaims } from './principal-from-claims.js';

const clock = new FakeClock();
const principalOf = (claims: Record<string, unknown>, config = issuerConfig()) =>
  principalFromClaims(goodClaims(clock, claims), config);

describe('principalFromClaims', () => {
  it('names issuer, subject, tenant and the scopes that are permissions', () => {
    expect(principalOf({})).toEqual({
      issuer: 'https://issuer.example',
      subject: 'alice',
      tenantId: 'acme',
      permissions: new Set(['kms:keys:read', 'kms:keys:sign']),
    });
  });

  it.each([
    ['no scope gives none', { scope: undefined }, []],
    ['an empty scope gives none', { scope: '' }, []],
    [
      'words of other systems, other case and prototype names give none',
      { scope: 'KMS:KEYS:READ constructor *' },
      [],
    ],
    ['an array in scp', { scope: undefined, scp: ['kms:keys:verify', 'other'] }, ['kms:keys:verify']],
    ['text in scp', { scope: undefined, scp: 'kms:keys:verify' }, ['kms:keys:verify']],
    ['both add up', { scope: 'audit:read', scp: ['kms:keys:verify'] }, ['audit:read', 'kms:keys:verify']],
  ])('reads the scope: %s', (_, claims, expected) => {
    expect([...principalOf(claims).permissions]).toEqual(expected);
  });

  it.each([
    ['a number as scope', { scope: 7 }],
    ['null as scope', { scope: null }],
    ['an array with a number as scp', { scp: [7] }],
    ['an empty subject', { sub: '' }],
    ['a subject that is no text', { sub: 7 }],
    ['a subject with U+0000', { sub: 'a\u0000b' }],
    ['a subject of 256 characters', { sub: 'x'.repeat(256) }],
  ])('answers 401 for %s', (_, claims) => {
    expect(() => principalOf(claims)).toThrow(expect.objectContaining({ code: 'invalid_token' }));
  });

  it('takes the tenant from the configured claim, and from no prototype', () => {
    const config = issuerConfig({ tenant_claim: 'https://issuer.example/org' });
    expect(principalOf({ 'https://issuer.example/org': 'globex' }, config).tenantId).toBe('globex');
    expect(() => principalOf({}, issuerConfig({ tenant_claim: 'constructor', tenants: '*' }))).toThrow(
      expect.objectContaining({ code: 'tenant_unavailable' }),
    );
  });

  it.each([
    ['outside the list', 'initech'],
    ['missing', undefined],
    ['not a tenant id', 'ACME'],
    ['the platform chain', '_platform'],
    ['a list', ['acme']],
    ['the wildcard itself', '*'],
  ])('answers one and the same 403 for a tenant that is %s', (_, tenant) => {
    expect(() => principalOf({ tenant })).toThrow(
      expect.objectContaining({
        code: 'tenant_unavailable',
        detail: 'The issuer may not speak for the tenant of the token.',
      }),
    );
  });

  it('lets an issuer of all tenants name any tenant id, and nothing else', () => {
    const config = issuerConfig({ tenants: '*' });
    expect(principalOf({ tenant: 'initech' }, config).tenantId).toBe('initech');
    expect(() => principalOf({ tenant: '../acme' }, config)).toThrow(
      expect.objectContaining({ code: 'tenant_unavailable' }),
    );
  });

  it.each(['platform:admin', 'kms:engines:admin'] as const)(
    'answers 403 for %s of an issuer that may not grant it, however it is written',
    (permission) => {
      for (const claims of [{ scope: `kms:keys:read ${permission}` }, { scp: [permission] }]) {
        expect(() => principalOf(claims)).toThrow(expect.objectContaining({ code: 'forbidden' }));
      }
      const granted = principalOf({ scope: permission }, issuerConfig({ platform_admin: true }));
      expect(granted.permissions.has(permission)).toBe(true);
    },
  );

  it('carries the narrowing of the token', () => {
    const claims = { authorization_details: [{ type: 'claviger_keys', aliases: ['ca'] }] };
    expect(principalOf(claims).narrowing).toEqual({ keys: [], aliases: ['ca'], tags: [] });
  });
});
