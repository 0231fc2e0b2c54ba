import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CHILD_PROGRAM, SOFTHSM_MODULE, SoftHsm } from '../../../../test/harness/softhsm.js';
import type { Engine } from '../engine.js';

const hsm = new SoftHsm().addToken('one').addToken('twin').addToken('twin');
const open: Engine[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map((engine) => engine.close()))));
afterAll(() => hsm.remove());

const NO_MODULE = '/bin/true';

function connect(
  config: Record<string, unknown>,
  more: Parameters<SoftHsm['driver']>[0] = { modules: [SOFTHSM_MODULE, NO_MODULE] },
): Promise<Engine> {
  const engine = hsm.driver(more).open(hsm.input('one', config));
  open.push(engine);
  return engine.connect().then(() => engine);
}

/** Slot number and serial of a token, as the vendor's own tool tells them. */
function told(label: string): { slot: number; serial: string } {
  const block = hsm
    .slots()
    .split(/^(?=Slot \d)/m)
    .find((one) => new RegExp(`Label: +${label}\\s`).test(one))!;
  const [, slot, serial] = /^Slot (\d+)[^]*Serial number: +(\w+)/.exec(block)!;
  return { slot: Number(slot), serial: serial! };
}

const fault = (path: string, message: string): unknown =>
  expect.objectContaining({ code: 'validation_failed', errors: [{ path, message }] });

describe('how a token is chosen', () => {
  it('is by label, serial number or slot, and what it is can be read', async () => {
    const { slot, serial } = told('one');
    for (const choice of [{}, { token_serial: serial }, { slot }]) {
      const label = 'token_serial' in choice || 'slot' in choice ? { token_label: undefined } : {};
      const engine = await connect({ ...label, ...choice });
      expect(engine.describe()).toMatchObject({
        type: 'PKCS11',
        // SoftHSM says that there is no hardware behind its slots.
        securityLevel: 1,
        provider: 'SoftHSM project',
        metadata: { token_label: 'one', token_serial: serial, model: 'SoftHSM v2' },
      });
    }
  });

  it.each([
    [{ token_label: 'none' }, 'config.token_label', 'names no token'],
    [{ token_label: 'twin' }, 'config.token_label', 'names more than one token'],
    [{ token_label: undefined, token_serial: 'none' }, 'config.token_serial', 'names no token'],
    [{ token_label: undefined, slot: 12345 }, 'config.slot', 'names no token'],
    [{ module: NO_MODULE }, 'config.module', 'does not load as a PKCS#11 module'],
  ])('names the setting that is at fault: %j', async (config, path, message) => {
    await expect(connect(config)).rejects.toThrow(fault(path, message));
  });

  it('is refused by a host without the packages, clearly, and nothing else is', async () => {
    const folder = join(hsm.folder, 'bare/pkcs11');
    mkdirSync(folder, { recursive: true });
    cpSync(dirname(dirname(CHILD_PROGRAM)), folder, { recursive: true });
    writeFileSync(join(hsm.folder, 'bare/package.json'), '{ "type": "module" }');
    const program = join(folder, 'child/main.js');
    await expect(connect({}, { program })).rejects.toThrow(
      expect.objectContaining({
        code: 'unsupported_by_engine',
        detail: 'This host has not got the packages that speak PKCS#11.',
      }),
    );
  });

  it('is that of a child that cannot be started', async () => {
    await expect(connect({}, { program: join(hsm.folder, 'none.js') })).rejects.toThrow(
      expect.objectContaining({ code: 'unavailable', retryAfterS: expect.any(Number) }),
    );
  });
});
