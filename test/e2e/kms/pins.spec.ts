import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, PinLedger } from '#engines';
import { SecretBytes } from '#kernel';
import { Installation, TestApp } from '../../harness/app.js';
import { eventually } from '../../harness/eventually.js';
import { KEYS, KMS, KmsCaller, refusal } from '../../harness/kms-caller.js';
import { SOFTHSM_MODULE, SoftHsm } from '../../harness/softhsm.js';

const refusedPin = expect.objectContaining({
  code: 'validation_failed',
  errors: [expect.objectContaining({ path: 'secrets.pin' })],
});
const ANOTHER_PIN = 'another PIN, of 28 characters';

describe('the PIN of a token that several processes use', () => {
  const hsm = new SoftHsm().addToken('shared');
  const opened: Engine[] = [];
  let installation: Installation;
  let processes: [TestApp, TestApp];
  let ledgers: PinLedger[] = [];
  let owner: pg.Client;

  const start = (env: Record<string, string> = {}): Promise<TestApp> =>
    TestApp.start({
      installation,
      env,
      drivers: (pins) => {
        ledgers.push(pins);
        return [hsm.driver({ pins })];
      },
    });
  /** As if each claim had been made a minute ago. */
  const age = (): Promise<unknown> =>
    owner.query(`UPDATE pin_attempt SET sent_ts = sent_ts - interval '1 minute'`);

  /** Engines of a stand-in in both processes, and how often it was sent a PIN. */
  function counting(
    behaviour: string,
    pin: string,
  ): { engines: Engine[]; later: () => Engine; tries: () => number } {
    const { open, count } = hsm.countingToken(behaviour);
    const openIn = (index: number): Engine => {
      const engine = open(ledgers[index]!, pin);
      opened.push(engine);
      return engine;
    };
    return { engines: [openIn(0), openIn(1)], later: () => openIn(1), tries: count };
  }

  beforeAll(async () => {
    installation = await Installation.create();
    processes = [await start(), await start()];
    owner = new pg.Client(installation.database.ownerUrl);
    await owner.connect();
  });

  afterEach(async () => void (await Promise.all(opened.splice(0).map((engine) => engine.close()))));

  afterAll(async () => {
    await owner.end();
    for (const app of processes) await app.stop();
    await installation.remove();
    hsm.remove();
  });

  it('is sent once where it is refused, by processes that start at the same moment or later', async () => {
    const { engines, later, tries } = counting('refuses', 'at once');
    const outcomes = await Promise.allSettled([...engines, later()].map((engine) => engine.connect()));
    for (const outcome of outcomes) expect(outcome).toEqual({ status: 'rejected', reason: refusedPin });
    await expect(later().connect()).rejects.toThrow(refusedPin);
    expect(tries()).toBe(1);
  });

  it('is sent once more for each operator who asks for it', async () => {
    const { engines, later, tries } = counting('refuses', 'asked for');
    for (const engine of engines) await expect(engine.connect({ anew: true })).rejects.toThrow(refusedPin);
    await expect(later().connect()).rejects.toThrow(refusedPin);
    expect(tries()).toBe(2);
  });

  it('is sent by no other process where nobody knows what became of it', async () => {
    const { engines, later, tries } = counting('ends', 'unanswered');
    await Promise.allSettled(engines.map((engine) => engine.connect()));
    await expect(later().connect()).rejects.toThrow(refusedPin);
    expect(tries()).toBe(1);
  });

  it('is sent by nobody while it is not known whether it was refused', async () => {
    const { engines, tries } = counting('refuses', 'unknown');
    await owner.query('ALTER TABLE pin_attempt RENAME TO gone');
    await expect(engines[0]!.connect()).rejects.toThrow(expect.objectContaining({ code: 'unavailable' }));
    await owner.query('ALTER TABLE gone RENAME TO pin_attempt');
    expect(tries()).toBe(0);
  });

  it('of a process that died while it sent it is sent again only if it was accepted before', async () => {
    const [one, other] = ledgers as [PinLedger, PinLedger];
    const attempts = Array.from({ length: 4 }, () => crypto.randomUUID()) as [string, string, string, string];
    const credential = one.credentialOf('a token', SecretBytes.take(Buffer.from('1234')));
    expect(await one.claim(credential, attempts[0], false)).toEqual({ before: undefined });
    expect(await other.claim(credential, attempts[1], true)).toBe('busy');
    await age();
    expect(await other.isRefused(credential)).toBe(true);
    expect(await other.claim(credential, attempts[1], false)).toBe('refused');
    expect(await other.claim(credential, attempts[1], true)).toEqual({ before: 'refused' });
    await one.settle(credential, attempts[0], 'refused');
    await other.settle(credential, attempts[1], 'accepted');
    expect(await one.claim(credential, attempts[2], false)).toEqual({ before: 'accepted' });
    await age();
    expect(await other.isRefused(credential)).toBe(false);
    expect(await other.claim(credential, attempts[3], false)).toEqual({ before: 'accepted' });
  });

  it('that was refused is tried again by a test of an operator, or changed by him, for all processes', async () => {
    const body = {
      id: 'hsm',
      type: 'PKCS11',
      name: 'A token',
      config: { module: SOFTHSM_MODULE, token_label: 'shared' },
      secrets: { pin: hsm.pin },
    };
    const registered = await (
      await KmsCaller.of(processes[0], 'operators')
    ).call('POST', `${KMS}/engines`, body);
    expect(registered.status).toBe(201);
    for (const app of processes) await app.stop();
    hsm.renewToken('shared', ANOTHER_PIN);
    ledgers = [];
    processes = [await start(), await start()];
    const operator = await KmsCaller.of(processes[0], 'operators');
    const makers = await Promise.all(processes.map((app) => KmsCaller.of(app, 'acme')));
    const make = async (maker: KmsCaller): Promise<[number, unknown]> =>
      refusal(await maker.call('POST', KEYS, { name: 'k', algorithm: 'ECDSA', size: 256, engine_id: 'hsm' }));
    for (const maker of makers) expect(await make(maker)).toEqual([503, 'unavailable']);
    hsm.renewToken('shared', hsm.pin);
    for (const maker of makers) expect(await make(maker)).toEqual([503, 'unavailable']);
    expect((await operator.call('POST', `${KMS}/engines/hsm/test`)).body).toMatchObject({ status: 'ok' });
    for (const maker of makers) {
      await eventually('the process has it again', async () => (await make(maker))[0] === 201);
    }
    hsm.renewToken('shared', ANOTHER_PIN);
    const changed = await operator.call('PATCH', `${KMS}/engines/hsm`, { secrets: { pin: ANOTHER_PIN } });
    expect(changed.status).toBe(200);
    for (const maker of makers) {
      await eventually('the process has the other PIN', async () => (await make(maker))[0] === 201);
    }
  });

  it('of a declared engine, behind a reference, is tried again by a test as well', async () => {
    const file = join(hsm.folder, 'engines.json');
    const config = { module: SOFTHSM_MODULE, token_label: 'shared' };
    const secrets = { pin: 'env:CLAVIGER_SECRET_PIN' };
    writeFileSync(
      file,
      JSON.stringify([{ id: 'declared', type: 'PKCS11', name: 'A token', config, secrets }]),
    );
    const app = await start({ CLAVIGER_ENGINES_FILE: file, CLAVIGER_SECRET_PIN: hsm.pin });
    const operator = await KmsCaller.of(app, 'operators');
    const maker = await KmsCaller.of(app, 'acme');
    const key = { name: 'k', algorithm: 'ECDSA', size: 256, engine_id: 'declared' };
    expect(refusal(await maker.call('POST', KEYS, key))).toEqual([503, 'unavailable']);
    hsm.renewToken('shared', hsm.pin);
    expect((await operator.call('POST', `${KMS}/engines/declared/test`)).body).toMatchObject({
      status: 'ok',
    });
    expect((await maker.call('POST', KEYS, key)).status).toBe(201);
    await app.stop();
  });

  it('is in no row, nor is a digest of it that could be guessed', async () => {
    const { rows } = await owner.query<{ text: string }>('SELECT p::text AS text FROM pin_attempt p');
    expect(rows.length).toBeGreaterThan(3);
    for (const pin of [hsm.pin, ANOTHER_PIN]) {
      const guess = createHash('sha256').update(pin).digest('hex');
      for (const { text } of rows) {
        for (const form of [pin, Buffer.from(pin).toString('hex'), guess]) expect(text).not.toContain(form);
      }
    }
  });
});
