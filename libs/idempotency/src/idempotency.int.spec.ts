import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hmacSha256, newSecretKey } from '#crypto';
import { Database, createDataSource } from '#database';
import { AppError, PERMISSIONS, type KeyNarrowing, type RequestContext } from '#kernel';
import type { TenantKeys } from '#tenants';
import { createTestDatabase, type TestDatabase } from '../../../test/harness/postgres.js';
import { IdempotencyService, type Making, type Outcome } from './idempotency.service.js';

interface Thing {
  id: string;
  by: string;
}

const HOUR_MS = 60 * 60_000;
const LEASE_MS = 15_000;
const inProgress = expect.objectContaining({ code: 'idempotency_in_progress', retryAfterS: 1 });
const reused = expect.objectContaining({ code: 'idempotency_key_reused' });

const ctxOf = (tenantId: string, subject = 'tester', narrowing?: KeyNarrowing): RequestContext => ({
  tenantId,
  requestId: 'r',
  principal: { issuer: 'i', subject, tenantId, permissions: new Set(PERMISSIONS), narrowing },
});
const acme = ctxOf('acme');

/** Things that exist, and how often anybody tried to make one. */
class World {
  readonly things = new Map<string, Thing>();
  attempts = 0;
  #ids = 0;

  /** `make` as it is, or failing instead, before or after the thing is there. */
  making(by = 'one', fail?: { error: Error; after?: boolean }): Making<Thing> {
    return {
      newId: () => `thing-${(this.#ids += 1)}`,
      find: async (id) => this.things.get(id),
      make: async (id) => {
        this.attempts += 1;
        if (fail && !fail.after) throw fail.error;
        if (this.things.has(id)) throw new AppError('key_exists');
        const thing = { id, by };
        this.things.set(id, thing);
        if (fail) throw fail.error;
        return thing;
      },
    };
  }
}

describe('IdempotencyService', () => {
  let test: TestDatabase;
  let databases: Database[];
  let owner: pg.Client;
  let world: World;
  let nowMs: number;
  let errors: unknown[];
  let key: string;
  const secret = newSecretKey();
  const tenantKeys = {
    of: async (tenantId: string) => ({
      idempotencyMac: (text: string) => hmacSha256(secret, `${tenantId}\n${text}`),
    }),
  } as unknown as TenantKeys;

  /** A process's service; it waits for no other attempt unless told to. */
  const service = (process = 0, waitMs = 0, renewMs?: number): IdempotencyService =>
    new IdempotencyService(databases[process]!, tenantKeys, {
      clock: { now: () => nowMs },
      waitMs,
      renewMs,
      onError: (error) => void errors.push(error),
    });
  const once = (making: Making<Thing>, content: unknown = {}, ctx = acme): Promise<Outcome<Thing>> =>
    service().once(ctx, { key, content }, making);

  /** An attempt that goes on until it is told how to end. */
  function hanging(
    by = 'slow',
    of = service(),
  ): {
    outcome: Promise<Outcome<Thing>>;
    begun: Promise<void>;
    end: (error?: Error) => void;
  } {
    const made = world.making(by);
    let end!: (error?: Error) => void;
    let begin!: () => void;
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) => (error ? reject(error) : resolve());
    });
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const make = async (id: string): Promise<Thing> => {
      begin();
      await ended;
      return made.make(id);
    };
    return { outcome: of.once(acme, { key, content: {} }, { ...made, make }), begun, end };
  }

  /** When the newest lease is over. */
  const leaseMs = (): Promise<number> =>
    databases[1]!.transaction(acme, async (tx) => {
      const [row] = await tx.query<{ lease: Date }>('SELECT max(lease_ts) AS lease FROM idempotency_key');
      return row!.lease.getTime();
    });

  beforeAll(async () => {
    test = await createTestDatabase();
    databases = [];
    for (let i = 0; i < 2; i += 1) {
      const source = createDataSource({ url: test.appUrl, poolSize: 6, applicationName: 't' });
      databases.push(new Database(await source.initialize()));
    }
    owner = new pg.Client(test.ownerUrl);
    await owner.connect();
  });

  afterAll(async () => {
    await owner.end();
    for (const database of databases) await database.close();
    await test.drop();
  });

  beforeEach(() => {
    world = new World();
    nowMs = Date.now();
    errors = [];
    key = crypto.randomUUID();
  });

  it('makes one thing, and gives its answer again', async () => {
    const first = await once(world.making());
    expect(first).toEqual({ answer: { id: 'thing-1', by: 'one' }, replayed: false });
    expect(await once(world.making('another'))).toEqual({ ...first, replayed: true });
    expect(world.attempts).toBe(1);
  });

  it('makes one thing for twenty requests of two processes at once, which are answered alike', async () => {
    const services = [service(0, 20_000), service(1, 20_000)];
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => services[n % 2]!.once(acme, { key, content: {} }, world.making())),
    );
    expect([world.attempts, world.things.size]).toEqual([1, 1]);
    expect(new Set(outcomes.map(({ answer }) => JSON.stringify(answer))).size).toBe(1);
    expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  it('refuses the key for another request, answered or under way', async () => {
    await once(world.making(), { a: 1, b: [1] });
    await expect(once(world.making(), { a: 1, b: [2] })).rejects.toEqual(reused);
    expect((await once(world.making(), { b: [1], a: 1 })).replayed).toBe(true);
    key = crypto.randomUUID();
    const slow = hanging();
    await slow.begun;
    await expect(once(world.making(), { other: true })).rejects.toEqual(reused);
    slow.end();
    await slow.outcome;
    expect(world.attempts).toBe(2);
  });

  it('is a key of one tenant, principal and narrowing', async () => {
    const narrowing = { keys: ['a'], aliases: [], tags: [] };
    for (const ctx of [
      acme,
      ctxOf('globex'),
      ctxOf('acme', 'somebody else'),
      ctxOf('acme', 'tester', narrowing),
    ]) {
      expect((await once(world.making(), { of: ctx.tenantId }, ctx)).replayed).toBe(false);
      expect((await once(world.making(), { of: ctx.tenantId }, ctx)).replayed).toBe(true);
    }
    expect(world.attempts).toBe(4);
  });

  it('says that an earlier request is under way once the wait is over', async () => {
    const slow = hanging();
    await slow.begun;
    await expect(once(world.making())).rejects.toEqual(inProgress);
    slow.end();
    expect((await slow.outcome).replayed).toBe(false);
    expect(await once(world.making())).toEqual({ answer: { id: 'thing-1', by: 'slow' }, replayed: true });
  });

  it('forgets a refusal: the corrected request may have the same key', async () => {
    const refusal = new AppError('validation_failed');
    await expect(once(world.making('one', { error: refusal }), { wrong: 1 })).rejects.toBe(refusal);
    expect(await once(world.making(), { right: 1 })).toEqual({
      answer: expect.objectContaining({ by: 'one' }),
      replayed: false,
    });
    expect(errors).toEqual([]);
  });

  it.each([
    ['503', new AppError('unavailable')],
    ['an error that nobody meant', new TypeError('a bug')],
  ])('goes on with the same id at once after %s, and keeps no failure', async (_, error) => {
    await expect(once(world.making('one', { error }))).rejects.toBe(error);
    expect(await once(world.making('two'))).toEqual({
      answer: { id: 'thing-1', by: 'two' },
      replayed: false,
    });
  });

  it('answers with what was made where only the answer to that was lost', async () => {
    const fail = { error: new AppError('unavailable'), after: true };
    const { answer, replayed } = await once(world.making('one', fail));
    expect([answer, replayed]).toEqual([{ id: 'thing-1', by: 'one' }, false]);
    expect((await once(world.making())).answer).toEqual(answer);
    expect(world.attempts).toBe(1);
  });

  it('takes a dead attempt over when its lease is over, under the same id', async () => {
    const dead = hanging();
    await dead.begun;
    nowMs += LEASE_MS - 1;
    await expect(once(world.making())).rejects.toEqual(inProgress);
    nowMs += 1;
    expect((await once(world.making('heir'))).answer).toEqual({ id: 'thing-1', by: 'heir' });
    dead.end();
    // It was not dead: what it makes is there already, and that is what it answers.
    expect((await dead.outcome).answer).toEqual({ id: 'thing-1', by: 'heir' });
    expect(world.things.size).toBe(1);
  });

  it('makes nothing again that a dead attempt made but could not answer', async () => {
    const dead = hanging();
    await dead.begun;
    world.things.set('thing-1', { id: 'thing-1', by: 'dead' });
    nowMs += LEASE_MS;
    expect(await once(world.making('heir'))).toEqual({
      answer: { id: 'thing-1', by: 'dead' },
      replayed: true,
    });
    expect(world.attempts).toBe(0);
    dead.end(new Error('ended'));
    await dead.outcome;
  });

  it('leaves an attempt alone for as long as it says that it works, and lets go of it when it fails', async () => {
    const slow = hanging('slow', service(0, 0, 5));
    await slow.begun;
    for (let turn = 0; turn < 3; turn += 1) {
      nowMs += LEASE_MS - 1;
      await expect.poll(leaseMs, { timeout: 20_000 }).toBe(nowMs + LEASE_MS);
    }
    nowMs += 1;
    await expect(once(world.making())).rejects.toEqual(inProgress);
    slow.end(new AppError('unavailable'));
    await expect(slow.outcome).rejects.toMatchObject({ code: 'unavailable' });
    expect((await once(world.making('heir'))).answer).toEqual({ id: 'thing-1', by: 'heir' });
  });

  it('makes no second thing where the heir of a slow attempt is refused', async () => {
    const slow = hanging();
    await slow.begun;
    nowMs += LEASE_MS;
    const refusal = new AppError('rate_limited');
    await expect(once(world.making('heir', { error: refusal }))).rejects.toBe(refusal);
    slow.end();
    const { answer } = await slow.outcome;
    expect(await once(world.making())).toEqual({ answer, replayed: true });
    expect(world.things.size).toBe(1);
  });

  it('leaves the claim to its heir where a slow attempt is refused at last', async () => {
    const slow = hanging();
    await slow.begun;
    nowMs += LEASE_MS;
    const heir = hanging('heir');
    await heir.begun;
    slow.end(new AppError('validation_failed'));
    await expect(slow.outcome).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(once(world.making())).rejects.toEqual(inProgress);
    heir.end();
    expect((await heir.outcome).answer.by).toBe('heir');
  });

  it('keeps an answer for 24 hours from when it was given, and not longer', async () => {
    await once(world.making());
    nowMs += 24 * HOUR_MS - 1;
    expect((await once(world.making())).replayed).toBe(true);
    nowMs += 1;
    const next = await once(world.making('tomorrow'), { something: 'else' });
    expect([next.replayed, next.answer.by, world.things.size]).toEqual([false, 'tomorrow', 2]);
  });

  it('answers although the answer cannot be kept, says so, and finds the thing again', async () => {
    await owner.query(`
      CREATE FUNCTION refuse_answer() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''full''; END'`);
    await owner.query(`
      CREATE TRIGGER refuse_answer BEFORE UPDATE OF answer ON idempotency_key
      FOR EACH ROW WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION refuse_answer()`);
    try {
      expect(await once(world.making())).toEqual({ answer: { id: 'thing-1', by: 'one' }, replayed: false });
    } finally {
      await owner.query(`DROP FUNCTION refuse_answer() CASCADE`);
    }
    expect(errors).toEqual([expect.objectContaining({ message: 'full' })]);
    nowMs += LEASE_MS;
    expect(await once(world.making())).toEqual({ answer: { id: 'thing-1', by: 'one' }, replayed: true });
    expect(world.attempts).toBe(1);
  });

  it('removes what is over, bit by bit, and nothing else', async () => {
    const tenant = ctxOf('sweeping');
    const count = (): Promise<number> =>
      databases[0]!.transaction(tenant, async (tx) => {
        const [row] = await tx.query<{ n: number }>('SELECT count(*)::int AS n FROM idempotency_key');
        return row!.n;
      });
    const make = async (): Promise<void> => {
      key = crypto.randomUUID();
      await once(world.making(), {}, tenant);
    };
    for (let n = 0; n < 20; n += 1) await make();
    expect(await count()).toBe(20);
    nowMs += 24 * HOUR_MS;
    await make();
    expect(await count()).toBe(5);
    await make();
    expect(await count()).toBe(2);
    await make();
    expect(await count()).toBe(3);
  });

  it('stores neither the key nor the request, nor a hash that anybody could compute', async () => {
    key = 'marker-of-the-key';
    await once(world.making(), { passphrase: 'marker-of-the-passphrase' });
    const rows = await databases[0]!.transaction(acme, (tx) =>
      tx.query<{ row: string; macs: Buffer[] }>(
        'SELECT k::text AS row, ARRAY[claim_mac, request_mac] AS macs FROM idempotency_key k',
      ),
    );
    expect(rows.map(({ row }) => row).join('\n')).not.toContain('marker');
    const { claim, request } = {
      claim: '["claim","i","tester",null,"marker-of-the-key"]',
      request: '["request",{"passphrase":"marker-of-the-passphrase"}]',
    };
    const macs = rows.flatMap((row) => row.macs.map((mac) => mac.toString('hex')));
    for (const text of [claim, request]) {
      expect(macs).toContain(hmacSha256(secret, `acme\n${text}`).toString('hex'));
    }
  });
});
