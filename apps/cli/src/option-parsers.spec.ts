import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { PERMISSIONS } from '#kernel';
import { collect, parseRootId, parseScope, parseTenantId, parseTtl } from './option-parsers.js';

describe('parseTtl', () => {
  it.each([
    ['1s', 1],
    ['30s', 30],
    ['15m', 900],
    ['1h', 3_600],
    ['7d', 604_800],
    ['30d', 2_592_000],
    ['2592000s', 2_592_000],
  ])('reads %s as %i seconds', (text, seconds) => {
    expect(parseTtl(text)).toBe(seconds);
  });

  it.each([
    '',
    '1',
    'h',
    '0s',
    '-1h',
    '1.5h',
    '1H',
    '1 h',
    ' 1h',
    '1w',
    '1hh',
    '31d',
    '2592001s',
    '1e3s',
    '9999999999s',
  ])('refuses %j', (text) => {
    expect(() => parseTtl(text)).toThrow(InvalidArgumentError);
  });
});

describe('parseScope', () => {
  it('takes every permission', () => {
    expect(parseScope(PERMISSIONS.join(' '))).toBe(PERMISSIONS.join(' '));
  });

  it('takes any white space between permissions and each of them once', () => {
    expect(parseScope('  kms:keys:read\n kms:keys:sign  kms:keys:read')).toBe('kms:keys:read kms:keys:sign');
  });

  it('names the words that are no permission, and those that are', () => {
    expect(() => parseScope('kms:keys:read kms:keys:sing')).toThrow(
      /Unknown: kms:keys:sing\..*kms:keys:sign/,
    );
  });

  it.each(['', '   ', 'constructor', '__proto__', 'KMS:KEYS:READ'])('refuses %j', (text) => {
    expect(() => parseScope(text)).toThrow(InvalidArgumentError);
  });
});

describe('parseTenantId', () => {
  it('takes DNS labels and nothing else', () => {
    expect(parseTenantId('acme-2')).toBe('acme-2');
    for (const text of ['', 'Acme', '-acme', 'acme-', 'a_b', 'a.b', 'a'.repeat(64), '_platform'])
      expect(() => parseTenantId(text)).toThrow(InvalidArgumentError);
  });
});

describe('parseRootId', () => {
  it('takes what a ring takes and nothing that could break one', () => {
    expect(parseRootId('root-1')).toBe('root-1');
    for (const text of ['', 'Root', 'a b', 'a\nb', '#a', 'a'.repeat(33)])
      expect(() => parseRootId(text)).toThrow(InvalidArgumentError);
  });
});

describe('collect', () => {
  it('keeps the values of a repeated option in their order', () => {
    expect(collect('b', collect('a'))).toEqual(['a', 'b']);
  });
});
