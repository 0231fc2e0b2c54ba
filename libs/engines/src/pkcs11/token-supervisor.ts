import { CallQueue, roomOf } from './call-queue.js';
import type { Lane } from './device-call.js';
import { CKF } from './cryptoki.js';
import { TokenFailure } from './token-failure.js';
import type { TokenPin } from './token-pin.js';
import { TokenProcess } from './token-process.js';
import type {
  TokenArguments,
  TokenChoice,
  TokenFacts,
  TokenOperation,
  TokenResult,
} from './token-protocol.js';

/** A library may look for its devices in the network first. */
const START_TIMEOUT_MS = 20_000;
const BACK_OFF_MS = Object.freeze({ first: 200, most: 30_000 });
/** How often it is looked whether a call waited too long. */
const WATCH_MS = 50;
/** A child that lived so long did not fail in a row. */
const STEADY_MS = 10_000;
/** Threads beside those that wait for the token. */
const SPARE_THREADS = 4;

export interface TokenPlan {
  /** Real path of the vendor's library. */
  readonly module: string;
  readonly choice: TokenChoice;
  readonly sessions: number;
  readonly changesAtOnce: number;
  readonly signTimeoutMs: number;
  readonly slowTimeoutMs: number;
  /** Path of the child's program. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Whom a call is for, and how it may wait. */
export interface Turn {
  readonly lane: Lane;
  readonly tenantId: string;
}

/** What the first start found out; `learn` may ask the token more before anybody else does. */
export type Learn = (facts: TokenFacts, ask: Ask) => Promise<void>;
export type Ask = <Op extends TokenOperation>(
  operation: Op,
  args: TokenArguments<Op>,
) => Promise<TokenResult<Op>>;

/**
 * Keeps a child process for one token, started when it is needed and anew after it has ended: not before a pause that
 * grows with each failure, during which every call fails at once. A PIN that was refused is not sent (`TokenPin`).
 */
export class TokenSupervisor {
  readonly #queue = new CallQueue();
  #process: TokenProcess | undefined;
  #starting: Promise<void> | undefined;
  /** The child that is being started. */
  #opening: TokenProcess | undefined;
  /** Whether the token let this process in with the PIN. */
  #isKnown = false;
  /** Why there is no child and will be none. */
  #ended: TokenFailure | undefined;
  #lastFailure: TokenFailure | undefined;
  #failures = 0;
  #readySince = Infinity;
  #retryAt = 0;
  #watch: NodeJS.Timeout | undefined;

  /** `pin` is this object's to close. */
  constructor(
    private readonly plan: TokenPlan,
    private readonly pin: TokenPin,
    private readonly learn: Learn,
  ) {}

  /** The child, while there is one: for operators who want to see it. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Seconds until it is tried again. */
  get retryAfterS(): number {
    return Math.max(1, Math.ceil((this.#retryAt - performance.now()) / 1_000));
  }

  /** Resolves when the token is there and logged in; `anew` as `TokenPin.send` has it, and at once. Throws `TokenFailure`. */
  async ready(anew = false): Promise<void> {
    if (this.#process) return;
    const failure = this.#ended ?? (anew ? undefined : this.#pausing());
    if (failure) throw failure;
    this.#starting ??= this.#start(anew).finally(() => (this.#starting = undefined));
    await this.#starting;
  }

  /**
   * Asks the token when it is this call's turn. Throws `TokenFailure`, or `AppError` where too much is waiting. `secret`
   * is a copy that this wipes.
   */
  call<Op extends TokenOperation>(
    { lane, tenantId }: Turn,
    operation: Op,
    args: TokenArguments<Op>,
    secret?: Buffer,
  ): Promise<TokenResult<Op>> {
    const failure = this.#ended ?? (this.#process ? undefined : this.#pausing());
    if (failure) {
      secret?.fill(0);
      return Promise.reject(failure);
    }
    return new Promise((resolve, reject) => {
      const timeoutMs = lane === 'sign' ? this.plan.signTimeoutMs : this.plan.slowTimeoutMs;
      const deadline = performance.now() + timeoutMs;
      const fail = (error: unknown): void => {
        secret?.fill(0);
        reject(error as Error);
      };
      const settle = { resolve: resolve as (result: unknown) => void, reject: fail };
      const call = { lane, tenantId, operation, args, timeoutMs, deadline, ...settle };
      try {
        this.#queue.add(secret ? { ...call, secret } : call);
      } catch (error) {
        return fail(error);
      }
      // Its failure reaches those who wait through the queue.
      if (!this.#process) this.ready().catch(() => undefined);
      this.#pump();
    });
  }

  /** Asks at once, whatever waits: for looking after the token itself. */
  ask: Ask = (operation, args) => {
    if (!this.#process) return Promise.reject(TokenFailure.of('lost', 'the token is away'));
    return request(this.#process, this.plan.signTimeoutMs, operation, args);
  };

  /** Ends the child and fails whatever waits. */
  async close(): Promise<void> {
    const failure = TokenFailure.of('lost', 'the engine was closed');
    this.#ended = failure;
    this.#fail(failure);
    const process = this.#process;
    this.#process = undefined;
    this.pin.close();
    await process?.close();
    this.#opening?.kill('the engine was closed');
    await this.#starting?.catch(() => undefined);
    this.pin.wipe();
  }

  #pausing(): TokenFailure | undefined {
    return performance.now() < this.#retryAt ? this.#lastFailure : undefined;
  }

  #pump(): void {
    const process = this.#process;
    if (!process) return this.#watchWaiting();
    for (let call = this.#queue.next(); call; call = this.#queue.next()) {
      const sent = call;
      process.send(sent, () => {
        this.#queue.done(sent);
        if (this.#queue.size > 0) this.#pump();
      });
    }
    this.#watchWaiting();
  }

  #watchWaiting(): void {
    if (this.#queue.size === 0 || this.#watch) return;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      for (const call of this.#queue.expired(performance.now())) {
        call.reject(TokenFailure.of('lost', `no turn within ${call.timeoutMs} ms`));
      }
      this.#watchWaiting();
    }, WATCH_MS);
  }

  async #start(anew: boolean): Promise<void> {
    try {
      if (!anew) await this.pin.check();
      this.#requireOpen();
      const process = this.#spawn();
      this.#opening = process;
      await this.#open(process, anew);
      this.#requireOpen();
      if (process.isGone) throw TokenFailure.of('lost', 'the child ended');
      this.#process = process;
      this.#readySince = performance.now();
    } catch (error) {
      const failure =
        error instanceof TokenFailure ? error : TokenFailure.of('device', 'the token could not be read');
      await this.#opening?.close();
      this.#pause(failure);
      throw failure;
    } finally {
      this.#opening = undefined;
    }
    this.#pump();
  }

  /** It may have been closed while something was waited for. */
  #requireOpen(): void {
    if (this.#ended) throw this.#ended;
  }

  #spawn(): TokenProcess {
    const { program, environment, sessions } = this.plan;
    const plan = { program, environment, threads: sessions + SPARE_THREADS };
    const process: TokenProcess = new TokenProcess(plan, (failure) => {
      if (this.#process === process) this.#pause(failure);
    });
    return process;
  }

  async #open(process: TokenProcess, anew: boolean): Promise<void> {
    const { module, choice, sessions } = this.plan;
    const facts = await request(process, START_TIMEOUT_MS, 'open', { module, choice });
    if (facts.flags & (CKF.USER_PIN_FINAL_TRY | CKF.USER_PIN_LOCKED) && !this.#isKnown) {
      throw TokenFailure.of('pin', 'the token is locked, or one wrong PIN away from it');
    }
    const opened = await this.pin.send((pin) => {
      // It was not sent then.
      if (process.isGone) throw TokenFailure.of('device', 'the child ended');
      const asked = { secretLength: pin.length, sessions };
      return request(process, START_TIMEOUT_MS, 'login', asked, pin);
    }, anew);
    this.#queue.room = roomOf(opened.sessions, this.plan.changesAtOnce);
    this.#isKnown = true;
    await this.learn(facts, (operation, args) => request(process, START_TIMEOUT_MS, operation, args));
  }

  /** The token is away: nobody waits for it, and it is left alone for a while. */
  #pause(failure: TokenFailure): void {
    this.#process = undefined;
    this.#lastFailure = failure;
    if (performance.now() - this.#readySince > STEADY_MS) this.#failures = 0;
    this.#readySince = Infinity;
    const { first, most } = BACK_OFF_MS;
    const longest = Math.min(most, first * 2 ** this.#failures);
    this.#failures += 1;
    // Many processes may have lost the same token.
    this.#retryAt = performance.now() + longest * (0.5 + Math.random() / 2);
    this.#fail(failure);
  }

  #fail(failure: TokenFailure): void {
    for (const call of this.#queue.drain()) call.reject(failure);
  }
}

function request<Op extends TokenOperation>(
  process: TokenProcess,
  timeoutMs: number,
  operation: Op,
  args: TokenArguments<Op>,
  secret?: Buffer,
): Promise<TokenResult<Op>> {
  return new Promise((resolve, reject) => {
    process.send({
      operation,
      args,
      timeoutMs,
      deadline: 0,
      resolve: resolve as (result: unknown) => void,
      reject,
      ...(secret && { secret }),
    });
  });
}
