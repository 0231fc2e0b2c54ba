import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SecretReferences } from './secret-references.js';

describe('SecretReferences', () => {
  let folder: string;
  let secrets: string;
  let references: SecretReferences;

  const read = (reference: string): string => references.read(reference, 'pin').expose('look').toString();
  const refused = (reference: string): unknown => {
    try {
      return read(reference);
    } catch (error) {
      return error;
    }
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'claviger-secrets-'));
    secrets = join(folder, 'secrets');
    mkdirSync(join(secrets, 'below'), { recursive: true });
    mkdirSync(join(folder, 'secrets-not'));
    writeFileSync(join(secrets, 'pin'), '1234\n');
    writeFileSync(join(secrets, 'below', 'pin'), ' 12 34 ');
    writeFileSync(join(secrets, 'large'), 'x'.repeat(4_097));
    writeFileSync(join(secrets, 'empty'), '\n');
    writeFileSync(join(folder, 'outside'), 'not a secret of an engine');
    writeFileSync(join(folder, 'secrets-not', 'pin'), 'not a secret of an engine');
    symlinkSync(join(folder, 'outside'), join(secrets, 'link'));
    execFileSync('mkfifo', [join(secrets, 'pipe')]);
    chmodSync(join(secrets, 'pin'), 0o600);
    const environment = {
      CLAVIGER_SECRET_PIN: '5678',
      CLAVIGER_SECRET_EMPTY: '',
      DATABASE_URL: 'postgres://',
    };
    references = new SecretReferences(environment, secrets);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads a variable for secrets, and a file below the folder for secrets without its last line feed', () => {
    expect(read('env:CLAVIGER_SECRET_PIN')).toBe('5678');
    expect(read(`file:${secrets}/pin`)).toBe('1234');
    expect(read(`file:${secrets}/below/pin`)).toBe(' 12 34 ');
    expect(read(`file:${secrets}/below/../pin`)).toBe('1234');
  });

  it.each([
    'env:DATABASE_URL',
    'env:CLAVIGER_SECRET_',
    'env:CLAVIGER_SECRET_NONE',
    'env:CLAVIGER_SECRET_EMPTY',
    'env:claviger_secret_pin',
    'env:toString',
    'file:pin',
    'file:/etc/passwd',
    'file:SECRETS/none',
    'file:SECRETS/large',
    'file:SECRETS/empty',
    'file:SECRETS/below',
    'file:SECRETS/link',
    'file:SECRETS/pipe',
    'file:SECRETS/../outside',
    'file:SECRETS-not/pin',
  ])('refuses %s, naming the secret and telling nothing of what is there', (reference) => {
    const error = refused(reference.replace('SECRETS', secrets));
    expect(error).toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'secrets.pin', message: expect.stringMatching(/^names /) }],
    });
    expect(String(error)).not.toContain('not a secret of an engine');
  });

  it('reads no file where there is no folder for secrets', () => {
    expect(() => new SecretReferences({}, undefined).read(`file:${secrets}/pin`, 'pin')).toThrow(
      /CLAVIGER_SECRETS_DIR/,
    );
  });
});
