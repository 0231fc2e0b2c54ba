import { describe, expect, it } from 'vitest';
import { aliasFault, parseKeyReference, pkcs11Uri } from './key-reference.js';

describe('parseKeyReference', () => {
  it('reads a key id, an alias and a PKCS#11 URI', () => {
    expect(parseKeyReference('key-123')).toEqual({ kind: 'id', keyId: 'key-123' });
    expect(parseKeyReference('prod/ca')).toEqual({ kind: 'alias', alias: 'prod/ca' });
    expect(parseKeyReference(pkcs11Uri('engine1', 'key-123', true))).toEqual({
      kind: 'id',
      keyId: 'key-123',
      engineId: 'engine1',
    });
  });

  it('takes the attributes of a PKCS#11 URI in any order, and the type may be absent', () => {
    expect(parseKeyReference('pkcs11:id=key-1;token-id=e')).toEqual({
      kind: 'id',
      keyId: 'key-1',
      engineId: 'e',
    });
  });

  it.each([
    'key-',
    'key-a_b',
    `key-${'a'.repeat(65)}`,
    'pkcs11:',
    'pkcs11:id=key-1',
    'pkcs11:token-id=e;id=key-1;id=key-2',
    'pkcs11:token-id=e;id=key-1;type=secret',
    'pkcs11:token-id=e;id=key-1;object=x',
    'pkcs11:token-id=e;id=../x',
    'a b',
    'a\0b',
    '',
    'x'.repeat(513),
  ])('knows that %j can name no key', (text) => {
    expect(parseKeyReference(text)).toBeUndefined();
  });
});

describe('aliasFault', () => {
  it.each(['a', 'A.b_c:d/e@f+g-h', 'x'.repeat(128)])('lets %j pass', (alias) => {
    expect(aliasFault(alias)).toBeUndefined();
  });

  it.each([
    7,
    '',
    'x'.repeat(129),
    'key-1',
    'pkcs11:x',
    '.',
    '..',
    'batch',
    'bulk',
    'import',
    '/a',
    'a/',
    'ä',
    'a%b',
  ])('refuses %j with a reason', (alias) => {
    expect(aliasFault(alias)).toMatch(/^(must|is) /);
  });
});
