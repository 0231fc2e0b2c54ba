import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { findKeySpec } from '#crypto';
import { SoftHsm } from '../../../../test/harness/softhsm.js';
import type { Engine } from '../engine.js';
import type { Pkcs11Engine } from './pkcs11.engine.js';

const hsm = new SoftHsm().addToken('pin');
const open: Engine[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map((engine) => engine.close()))));
afterAll(() => hsm.remove());

const WRONG = 'not the PIN at all';
const spec = findKeySpec('ECDSA', 256)!;
const ref = { tenantId: 'acme', keyId: 'key-1' };
const refusedPin = expect.objectContaining({
  code: 'validation_failed',
  errors: [{ path: 'secrets.pin', message: expect.stringContaining('not tried again') }],
});
const latched = expect.objectContaining({
  code: 'unavailable',
  detail: expect.stringContaining('not tried again'),
  retryAfterS: expect.any(Number),
});

/** An engine of the stand-in, and how often it was sent a PIN. */
function counting(behaviour: string): { engine: Engine; tries: () => number } {
  const { engine, count } = hsm.standIn(behaviour);
  open.push(engine);
  return { engine, tries: count };
}

function real(pin?: string): Pkcs11Engine {
  const engine = hsm.driver().open(hsm.input('pin', {}, pin)) as Pkcs11Engine;
  open.push(engine);
  return engine;
}

/** All that an engine is asked for when it is used. */
async function useIn(engine: Engine): Promise<void> {
  await expect(engine.generate(ref, spec)).rejects.toThrow(latched);
  expect(await engine.health()).toMatchObject({ status: 'down', reason: expect.stringContaining('PIN') });
  await expect(engine.connect()).rejects.toThrow(refusedPin);
}

describe('the PIN of a token', () => {
  it('is sent once when it is refused, however often the engine is used after', async () => {
    const { engine, tries } = counting('refuses');
    await expect(engine.connect()).rejects.toThrow(refusedPin);
    for (let time = 0; time < 5; time += 1) await useIn(engine);
    expect(tries()).toBe(1);
  });

  it('is sent once by many who connect at the same time', async () => {
    const { engine, tries } = counting('refuses');
    await Promise.allSettled(Array.from({ length: 10 }, () => engine.connect()));
    expect(tries()).toBe(1);
  });

  it('is not sent again when nobody knows what became of it', async () => {
    const { engine, tries } = counting('ends');
    await expect(engine.connect()).rejects.toThrow(expect.objectContaining({ code: 'unavailable' }));
    for (let time = 0; time < 5; time += 1) await expect(engine.connect()).rejects.toThrow();
    expect(tries()).toBe(1);
  });

  it('is not sent to a token that the next wrong one would lock', async () => {
    const { engine, tries } = counting('final-try');
    await expect(engine.connect()).rejects.toThrow(refusedPin);
    await useIn(engine);
    expect(tries()).toBe(0);
  });

  it('is the setting at fault where SoftHSM refuses it, and is in no error', async () => {
    const engine = real(WRONG);
    const errors = [
      await engine.connect().catch((error: unknown) => error),
      await engine.generate(ref, spec).catch((error: unknown) => error),
      await engine.health(),
    ];
    expect(errors[0]).toEqual(refusedPin);
    expect(errors[1]).toEqual(latched);
    expect(inspect([errors, engine.describe()], { depth: 10, showHidden: true })).not.toContain(WRONG);
    const right = real();
    await right.connect();
    expect(await right.health()).toMatchObject({ status: 'ok' });
  });

  it('is in neither the arguments nor the environment of the child, nor is anything of ours', async () => {
    process.env['OUR_SECRET'] = 'of the parent';
    const engine = real();
    await engine.connect();
    delete process.env['OUR_SECRET'];
    const [argv, environment] = ['cmdline', 'environ'].map((name) =>
      readFileSync(`/proc/${engine.pid}/${name}`, 'utf8'),
    );
    expect(argv).toContain('child/main.js');
    expect(environment).toContain('SOFTHSM2_CONF=');
    for (const text of [argv, environment]) {
      expect(text).not.toContain(hsm.pin);
      expect(text).not.toContain('OUR_SECRET');
    }
    expect(environment!.split('\0').map((one) => one.split('=')[0])).toEqual(
      expect.not.arrayContaining(['HOME', 'NODE_OPTIONS']),
    );
    expect(inspect(engine, { depth: 10, showHidden: true })).not.toContain(hsm.pin);
  });
});
