import { constantTimeEqual } from '#crypto';
import type { Database } from '#database';
import { AppError, systemClock, type Clock, type RequestContext } from '#kernel';
import type { TenantKeys } from '#tenants';
import { setTimeout as delay } from 'node:timers/promises';
import { canonicalJson } from './canonical-json.js';
import {
  insertClaim,
  lockClaim,
  moveLease,
  removeClaim,
  replaceClaim,
  storeAnswer,
  type Claim,
} from './idempotency-key.repository.js';
import { Lease } from './lease.js';

/** A request that its caller may send again. */
export interface IdempotentRequest {
  /** As the caller chose it. */
  readonly key: string;
  /** All that makes it this request and no other: JSON. May hold secrets, only its MAC is stored. */
  readonly content: unknown;
}

/** How one thing comes into being. Its id is fixed before, so that no number of attempts makes two. */
export interface Making<Answer> {
  readonly newId: () => string;
  /** What an attempt made under this id, if one did. */
  readonly find: (id: string) => Promise<Answer | undefined>;
  readonly make: (id: string) => Promise<Answer>;
}

export interface Outcome<Answer> {
  readonly answer: Answer;
  /** Whether an earlier request made it. */
  readonly replayed: boolean;
}

export interface IdempotencyOptions {
  readonly clock?: Clock;
  /** How long a request waits for an earlier one, in milliseconds. */
  readonly waitMs?: number;
  /** How often a request that is worked on says so, in milliseconds. */
  readonly renewMs?: number;
  /** Told of what could not be written down: exact all the same, but later than it might be. */
  readonly onError?: (error: unknown) => void;
}

interface Begun {
  readonly state: 'begun' | 'resumed';
  readonly claim: Claim;
}

type Entry = Begun | { readonly state: 'answered'; readonly answer: string };

type Macs = Pick<Claim, 'claimMac' | 'requestMac'>;

/** Answers are kept this long. */
const LIFE_MS = 24 * 60 * 60_000;
/** An attempt that says nothing for so long is taken for dead. Were it not, it would still make the same thing. */
const LEASE_MS = 15_000;
const RENEW_MS = 5_000;
const WAIT_MS = 10_000;
const POLL_MS = 100;
/** In a process; a request beyond that is told at once to come again. */
const MAX_WAITING = 100;

/** Does what a request asks for once, however often it is sent (draft-ietf-httpapi-idempotency-key-header). */
export class IdempotencyService {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #renewMs: number;
  readonly #onError: (error: unknown) => void;
  #waiting = 0;

  constructor(
    private readonly database: Database,
    private readonly tenantKeys: TenantKeys,
    options: IdempotencyOptions = {},
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#waitMs = options.waitMs ?? WAIT_MS;
    this.#renewMs = options.renewMs ?? RENEW_MS;
    this.#onError = options.onError ?? (() => undefined);
  }

  /**
   * Makes it, or gives the answer of when it was made: for 24 hours, to the same principal, narrowed alike. Waits for
   * another attempt that is under way. A refusal (4xx) of `make` is forgotten; after any other failure the next attempt
   * goes on with the same id. `Answer` is JSON and holds no secrets. Throws `idempotency_key_reused`,
   * `idempotency_in_progress`, and what `find` and `make` throw.
   */
  async once<Answer>(
    ctx: RequestContext,
    request: IdempotentRequest,
    making: Making<Answer>,
  ): Promise<Outcome<Answer>> {
    const macs = await this.#macsOf(ctx, request);
    const entry = await this.#enter(() => this.#claim(ctx, macs, making.newId));
    if (entry.state === 'answered') return { answer: JSON.parse(entry.answer) as Answer, replayed: true };
    const outcome = await this.#attempt(ctx, entry, making);
    await this.#store(ctx, entry.claim, JSON.stringify(outcome.answer)).catch(this.#onError);
    return outcome;
  }

  async #macsOf(ctx: RequestContext, { key, content }: IdempotentRequest): Promise<Macs> {
    const { idempotencyMac } = await this.tenantKeys.of(ctx.tenantId);
    const { issuer, subject, narrowing = null } = ctx.principal;
    return {
      claimMac: idempotencyMac(canonicalJson(['claim', issuer, subject, narrowing, key])),
      requestMac: idempotencyMac(canonicalJson(['request', content])),
    };
  }

  /** Claims, as soon as no other attempt is under way. */
  async #enter(claim: () => Promise<Entry | undefined>): Promise<Entry> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      const entry = await claim();
      if (entry) return entry;
      if (waitedMs >= this.#waitMs || this.#waiting >= MAX_WAITING) {
        throw new AppError('idempotency_in_progress', { retryAfterS: 1 });
      }
      this.#waiting += 1;
      await delay(POLL_MS).finally(() => (this.#waiting -= 1));
    }
  }

  /** Gives nothing while another attempt is under way. */
  #claim(ctx: RequestContext, macs: Macs, newId: () => string): Promise<Entry | undefined> {
    return this.database.transaction(ctx, async (tx) => {
      const now = this.#clock.now();
      const until = { leaseTs: new Date(now + LEASE_MS), expiryTs: new Date(now + LIFE_MS) };
      const claim: Claim = { tenantId: ctx.tenantId, ...macs, objectId: newId(), ...until };
      if (await insertClaim(tx, claim)) return { state: 'begun', claim };
      const found = await lockClaim(tx, claim);
      if (!found) return undefined;
      if (found.expiryTs.getTime() <= now) {
        await replaceClaim(tx, claim);
        return { state: 'begun', claim };
      }
      if (!constantTimeEqual(found.requestMac, macs.requestMac)) throw new AppError('idempotency_key_reused');
      if (found.answer !== null) return { state: 'answered', answer: found.answer };
      if (found.leaseTs.getTime() > now) return undefined;
      const resumed = { ...claim, objectId: found.objectId };
      await replaceClaim(tx, resumed);
      return { state: 'resumed', claim: resumed };
    });
  }

  async #attempt<Answer>(
    ctx: RequestContext,
    { claim, state }: Begun,
    making: Making<Answer>,
  ): Promise<Outcome<Answer>> {
    const lease = new Lease(claim, (held) => this.#renew(ctx, held), this.#renewMs);
    let refused = false;
    try {
      const earlier = state === 'resumed' ? await making.find(claim.objectId) : undefined;
      if (earlier !== undefined) return { answer: earlier, replayed: true };
      const answer = await making.make(claim.objectId).catch(async (error: unknown) => {
        // It may have been made all the same: an answer of the database was lost, or another attempt came before.
        const made = await making.find(claim.objectId);
        if (made !== undefined) return made;
        refused = error instanceof AppError && error.row.status < 500;
        throw error;
      });
      return { answer, replayed: false };
    } catch (error) {
      // The attempt before a resumed one may still be at work, and must not become one of two.
      const over = refused && state === 'begun';
      await this.#letGo(ctx, await lease.end(), over).catch(this.#onError);
      throw error;
    } finally {
      await lease.end();
    }
  }

  async #renew(ctx: RequestContext, claim: Claim): Promise<Claim> {
    const renewed = { ...claim, leaseTs: new Date(this.#clock.now() + LEASE_MS) };
    try {
      const moved = await this.database.transaction(ctx, (tx) => moveLease(tx, claim, renewed.leaseTs));
      return moved ? renewed : claim;
    } catch (error) {
      this.#onError(error);
      return claim;
    }
  }

  #store(ctx: RequestContext, claim: Claim, answer: string): Promise<void> {
    const now = this.#clock.now();
    const times = { now: new Date(now), expiryTs: new Date(now + LIFE_MS) };
    return this.database.transaction(ctx, (tx) => storeAnswer(tx, claim, answer, times));
  }

  /** Forgets the claim, or leaves it to the next attempt at once. */
  async #letGo(ctx: RequestContext, claim: Claim, over: boolean): Promise<void> {
    const now = new Date(this.#clock.now());
    await this.database.transaction<unknown>(ctx, (tx) =>
      over ? removeClaim(tx, claim) : moveLease(tx, claim, now),
    );
  }
}
