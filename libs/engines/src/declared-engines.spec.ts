import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SecretReferences } from '#config';
import { AppError } from '#kernel';
import { openDeclaredEngines } from './declared-engines.js';
import type { EngineDriver } from './engine-driver.js';
import { UnusableEngine } from './unusable-engine.js';

const HSM = {
  id: 'hsm',
  type: 'PKCS11',
  name: 'An HSM',
  config: { slot: 1 },
  secrets: { pin: 'env:CLAVIGER_SECRET_PIN' },
};

describe('openDeclaredEngines', () => {
  let folder: string;
  let pins: string[];
  const references = new SecretReferences({ CLAVIGER_SECRET_PIN: '1234' }, undefined);
  const driver: EngineDriver = {
    type: 'PKCS11',
    secretNames: ['pin'],
    open: ({ id, name, config, secrets }) => {
      if (!('slot' in config))
        throw new AppError('validation_failed', { detail: 'config.slot is required.' });
      pins.push(secrets.get('pin')?.expose('look').toString() ?? '');
      return new UnusableEngine({ id, name, type: 'PKCS11' }, new AppError('unavailable'));
    },
  };
  const open = (content: unknown) => {
    const file = join(folder, 'engines.json');
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return openDeclaredEngines(file, references, [driver]);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'claviger-engines-'));
    pins = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('opens each with the secrets that it refers to', () => {
    const [shared, bound] = open([HSM, { ...HSM, id: 'two', secrets: {}, tenants: ['acme'] }]);
    expect([shared?.engine.describe().id, shared?.tenants, shared?.isDefault]).toEqual([
      'hsm',
      undefined,
      false,
    ]);
    expect(bound?.tenants).toEqual(new Set(['acme']));
    expect(pins).toEqual(['1234', '']);
  });

  it.each<[string, unknown, RegExp]>([
    ['what is not JSON', '[', /is not JSON/],
    ['a secret in clear', [{ ...HSM, secrets: { pin: '1234' } }], /secrets.pin: must be env:… or file:…/],
    [
      'a secret that its type has not',
      [{ ...HSM, secrets: { puk: 'env:CLAVIGER_SECRET_PIN' } }],
      /hsm: puk is not known/,
    ],
    [
      'a reference that leads to nothing',
      [{ ...HSM, secrets: { pin: 'env:CLAVIGER_SECRET_NONE' } }],
      /hsm: secrets.pin names/,
    ],
    ['an id twice', [HSM, HSM], /has an id twice/],
    [
      'two defaults',
      [
        { ...HSM, default: true },
        { ...HSM, id: 'two', default: true },
      ],
      /has two defaults/,
    ],
    ['a default for some', [{ ...HSM, default: true, tenants: ['acme'] }], /bound to tenants/],
    ['a type without a driver', [{ ...HSM, type: 'AWS_KMS', secrets: {} }], /AWS_KMS is not known/],
    ['an unknown member', [{ ...HSM, slot: 1 }], /slot/],
    ['what the driver refuses', [{ ...HSM, config: {} }], /hsm: config.slot is required/],
    ['a tenant id that is none', [{ ...HSM, tenants: ['A'] }], /tenants.0: is not a tenant id/],
  ])('refuses %s, naming it', (_, content, message) => {
    expect(() => open(content)).toThrow(message);
    expect(() => open(content)).toThrow(expect.objectContaining({ code: 'validation_failed' }));
  });
});
