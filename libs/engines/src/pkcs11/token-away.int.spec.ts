import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findKeySpec, findSignatureRow } from '#crypto';
import { SoftHsm } from '../../../../test/harness/softhsm.js';
import { stored } from '../conformance/soundness.js';
import type { SignInput, StoredEngineKey } from '../engine.js';
import { WAITING } from './call-queue.js';
import type { Pkcs11Engine } from './pkcs11.engine.js';

const hsm = new SoftHsm().addToken('away').addToken('beside');
const engines: Pkcs11Engine[] = [];
afterEach(async () => void (await Promise.all(engines.splice(0).map((engine) => engine.close()))));
afterAll(() => hsm.remove());

const spec = findKeySpec('ECDSA', 256)!;
const rsa = findKeySpec('RSA', 4096)!;
const input: SignInput = {
  row: findSignatureRow('ECDSA_SHA_256')!,
  type: 'digest',
  data: Buffer.alloc(32, 7),
};
const unavailable = expect.objectContaining({ code: 'unavailable', retryAfterS: expect.any(Number) });
const POLL = { timeout: 20_000, interval: 50 };

let count = 0;
const freshRef = (tenantId = 'acme'): { tenantId: string; keyId: string } => ({
  tenantId,
  keyId: `key-${process.pid}-${(count += 1)}`,
});

async function connected(label: string, config: Record<string, unknown> = {}): Promise<Pkcs11Engine> {
  const engine = hsm.driver().open(hsm.input(label, config)) as Pkcs11Engine;
  engines.push(engine);
  await engine.connect();
  return engine;
}

async function keyOf(engine: Pkcs11Engine): Promise<StoredEngineKey> {
  const ref = freshRef();
  return stored(ref, spec, await engine.generate(ref, spec));
}

/** How many of the calls failed; each that did was told that the engine is away. */
async function failures(calls: Promise<unknown>[]): Promise<number> {
  const settled = await Promise.allSettled(calls);
  const failed = settled.filter((one) => one.status === 'rejected');
  for (const one of failed) expect(one.reason).toEqual(unavailable);
  return failed.length;
}

const signsAgain = (engine: Pkcs11Engine, key: StoredEngineKey): Promise<Buffer> =>
  vi.waitFor(() => engine.sign(key, input), POLL);

describe('a token that never comes', () => {
  it('is left alone for a while, however often it is asked for', async () => {
    const { engine, count } = hsm.standIn('vanishes');
    for (let time = 0; time < 200; time += 1) {
      await expect(engine.generate(freshRef(), spec)).rejects.toThrow(unavailable);
    }
    expect(count()).toBeGreaterThan(0);
    expect(count()).toBeLessThan(20);
    expect(await engine.health()).toMatchObject({ status: 'down', reason: expect.any(String) });
    await engine.close();
  });
});

describe('a token that goes away', () => {
  let engine: Pkcs11Engine;
  let key: StoredEngineKey;

  beforeEach(async () => {
    engine = await connected('away', { sign_timeout_ms: 500, generate_timeout_ms: 20_000 });
    key = await keyOf(engine);
  });

  it('fails what is under way when its child is killed, and is back by itself', async () => {
    const calls = Array.from({ length: 300 }, () => engine.sign(key, input));
    const before = engine.pid!;
    process.kill(before, 'SIGKILL');
    expect(await failures(calls)).toBeGreaterThan(0);
    await signsAgain(engine, key);
    expect(engine.pid).not.toBe(before);
  });

  it('leaves nothing of a key whose making was cut short', async () => {
    const ref = freshRef();
    const making = engine.generate(ref, rsa);
    process.kill(engine.pid!, 'SIGKILL');
    await expect(making).rejects.toThrow(unavailable);
    expect(await vi.waitFor(() => engine.find(ref), POLL)).toBeUndefined();
    await engine.discard(ref);
    const made = await engine.generate(ref, spec);
    expect((await engine.find(ref))?.spki).toEqual(made.spki);
  });

  it('never makes a key twice: of what nobody heard of, all is found, used or done away with', async () => {
    const refs = Array.from({ length: 24 }, () => freshRef());
    let made = 0;
    const making = refs.map((ref) =>
      engine.generate(ref, spec).then(() => (made += 1) === 5 && process.kill(engine.pid!, 'SIGKILL')),
    );
    expect(await failures(making)).toBeGreaterThan(0);
    const ours = new Set(refs.map(({ keyId }) => keyId));
    await vi.waitFor(() => engine.connect(), POLL);
    const found = await Promise.all(refs.map((ref) => engine.find(ref)));
    expect(found.filter((one) => one).length).toBeGreaterThanOrEqual(made);
    for (const [index, one] of found.entries()) {
      const ref = refs[index]!;
      if (one) await expect(engine.generate(ref, spec)).rejects.toThrow(unavailable);
      else await engine.discard(ref);
      await engine.sign(stored(ref, spec, one ?? (await engine.generate(ref, spec))), input);
    }
    const counted = new Map<string, number>();
    for await (const { ref } of engine.inventory()) {
      if (ref && ours.has(ref.keyId)) counted.set(ref.keyId, (counted.get(ref.keyId) ?? 0) + 1);
    }
    expect([...counted.values()]).toEqual(refs.map(() => 1));
    await Promise.all(refs.map((ref) => engine.discard(ref)));
    expect(await Promise.all(refs.map((ref) => engine.find(ref)))).toEqual(refs.map(() => undefined));
  });

  it('is given up when it hangs, disturbs no other, and is back by itself', async () => {
    const beside = await connected('beside');
    const other = await keyOf(beside);
    const calls = Array.from({ length: 20 }, () => engine.sign(key, input));
    process.kill(engine.pid!, 'SIGSTOP');
    const failed = failures([...calls, engine.sign(key, input)]);
    for (let time = 0; time < 20; time += 1) await beside.sign(other, input);
    expect(await engine.health()).toMatchObject({ status: 'down', reason: expect.any(String) });
    expect(await failed).toBeGreaterThan(0);
    await signsAgain(engine, key);
  });

  it('is back after it was taken out and put in again', async () => {
    hsm.unplug();
    try {
      await vi.waitFor(async () => {
        await expect(engine.sign(key, input)).rejects.toThrow(unavailable);
        expect(await engine.health()).toMatchObject({ status: 'down', reason: expect.any(String) });
      }, POLL);
      await expect(engine.generate(freshRef(), spec)).rejects.toThrow(unavailable);
    } finally {
      hsm.plugIn();
    }
    await signsAgain(engine, key);
    expect(await engine.health()).toMatchObject({ status: 'ok' });
  });

  it('has a bounded number of calls wait for it, of each tenant', async () => {
    process.kill(engine.pid!, 'SIGSTOP');
    const calls = Array.from({ length: 2 * WAITING.tenant }, () => engine.sign(key, input));
    const settled = await Promise.allSettled(calls);
    const codes = settled.map((one) =>
      one.status === 'rejected' ? (one.reason as { code: string }).code : 'ok',
    );
    const refused = codes.filter((code) => code === 'rate_limited').length;
    expect(refused).toBeGreaterThan(0);
    expect(codes.filter((code) => code === 'unavailable').length).toBe(codes.length - refused);
    await signsAgain(engine, key);
  });

  it('has a child that ends with its engine, whatever is under way', async () => {
    const pid = engine.pid!;
    const calls = [
      engine.generate(freshRef(), rsa),
      ...Array.from({ length: 50 }, () => engine.sign(key, input)),
    ];
    const failed = failures(calls);
    await engine.close();
    expect(await failed).toBeGreaterThan(0);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(engine.sign(key, input)).rejects.toThrow(unavailable);
    expect(await engine.health()).toMatchObject({ status: 'down' });
  });
});
