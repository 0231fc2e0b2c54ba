import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SecretBytes, type AppError } from '#kernel';
import { readPkcs11Config } from './pkcs11-config.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pkcs11-config-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
for (const name of ['vendor.so', 'other.so']) writeFileSync(at(name), '');
mkdirSync(at('lib'));
symlinkSync(at('vendor.so'), at('lib/current.so'));
symlinkSync(at('other.so'), at('lib/elsewhere.so'));
symlinkSync(folder, at('around'));
copyFileSync(at('vendor.so'), at('copy.so'));

const ALLOWED = [at('vendor.so')];
const PIN = 'a secret of the token';

const read = (
  config: Record<string, unknown>,
  secrets: Record<string, string> = { pin: PIN },
  allowed: readonly string[] = ALLOWED,
): ReturnType<typeof readPkcs11Config> =>
  readPkcs11Config(
    {
      id: 'hsm',
      name: 'HSM',
      config,
      secrets: new Map(
        Object.entries(secrets).map(([name, value]) => [name, SecretBytes.take(Buffer.from(value))]),
      ),
    },
    allowed,
  );

/** The paths of the faults that were found. */
function faults(...args: Parameters<typeof read>): string[] {
  try {
    read(...args);
  } catch (error) {
    expect(error).toMatchObject({ code: 'validation_failed' });
    expect(JSON.stringify([error, (error as Error).message])).not.toContain(PIN);
    return (error as AppError).errors.map(({ path }) => path);
  }
  return [];
}

const good = { module: at('vendor.so'), token_label: 'keys' };

describe('readPkcs11Config', () => {
  it('fills in what is left out', () => {
    expect(read(good)).toEqual({
      module: at('vendor.so'),
      choice: { setting: 'token_label', value: 'keys' },
      sessions: 8,
      changesAtOnce: 1,
      signTimeoutMs: 5_000,
      generateTimeoutMs: 60_000,
    });
  });

  it.each(['lib/current.so', 'around/vendor.so'])(
    'takes a link that leads to an allowed module: %s',
    (name) => {
      expect(read({ ...good, module: at(name) }).module).toBe(at('vendor.so'));
    },
  );

  it('takes the file behind a link that the operator allowed', () => {
    const allowed = [at('lib/current.so')];
    expect(read(good, { pin: PIN }, allowed).module).toBe(at('vendor.so'));
  });

  it.each([
    ['a link that leads elsewhere', at('lib/elsewhere.so')],
    ['a file that is not listed', at('other.so')],
    ['a copy of a listed file', at('copy.so')],
    ['a detour over ..', `${folder}/lib/../vendor.so`],
    ['a detour over .', `${folder}/./vendor.so`],
    ['a doubled slash', `${folder}//vendor.so`],
    ['a relative path', 'vendor.so'],
    ['a folder', folder],
    ['what is not there', at('none.so')],
    ['a NUL', `${at('vendor.so')}\0.txt`],
    ['nothing', ''],
    ['what is no text', 7],
  ])('refuses as module %s', (_, module) => {
    expect(faults({ ...good, module })).toEqual(['config.module']);
  });

  it('says the same of a module that is not there and of one that is not listed', () => {
    const said = (module: string): unknown => {
      try {
        return read({ ...good, module });
      } catch (error) {
        return (error as AppError).errors;
      }
    };
    expect(said(at('none.so'))).toEqual(said(at('other.so')));
  });

  it('refuses every module where none is allowed', () => {
    expect(faults(good, { pin: PIN }, [])).toEqual(['config.module']);
  });

  it.each([
    [{ token_label: undefined }, ['config.token_label']],
    [{ slot: 3 }, ['config.slot']],
    [{ token_serial: 'a1' }, ['config.token_serial']],
    [{ token_label: 'x'.repeat(33) }, ['config.token_label']],
    [{ token_label: undefined, slot: -1 }, ['config.slot']],
    [{ token_label: undefined, slot: '3' }, ['config.slot']],
    [{ changes_at_once: 0 }, ['config.changes_at_once']],
    [{ changes_at_once: 17 }, ['config.changes_at_once']],
    [{ sessions: 0 }, ['config.sessions']],
    [{ sessions: 65 }, ['config.sessions']],
    [{ sessions: 1.5 }, ['config.sessions']],
    [{ sign_timeout_ms: 99 }, ['config.sign_timeout_ms']],
    [{ sign_timeout_ms: 60_001 }, ['config.sign_timeout_ms']],
    [{ generate_timeout_ms: 999 }, ['config.generate_timeout_ms']],
    [{ pin: '1234' }, ['config.pin']],
    [{ environment: { LD_PRELOAD: '/tmp/x.so' } }, ['config.environment']],
  ])('refuses %j, naming the member', (change, paths) => {
    expect(faults({ ...good, ...change })).toEqual(paths);
  });

  it.each([
    [{}, ['secrets.pin']],
    [{ pin: '' }, ['secrets.pin']],
    [{ pin: 'x'.repeat(256) }, ['secrets.pin']],
    [{ pin: PIN, other: 'x' }, ['secrets.other']],
  ])('refuses other secrets than one PIN', (secrets, paths) => {
    expect(faults(good, secrets as Record<string, string>)).toEqual(paths);
  });

  it('names all faults at once', () => {
    expect(faults({ module: 'x', slot: 1, token_label: 'y' }, {})).toEqual([
      'config.module',
      'config.slot',
      'secrets.pin',
    ]);
  });
});
