import { setTimeout as delay } from 'node:timers/promises';
import { AppError, newRequestId, type SecretBytes } from '#kernel';
import { TokenFailure } from './token-failure.js';

/** What a token said of a PIN the last time that it answered. */
export type PinStanding = 'accepted' | 'refused';

/** What became of the wish to send a PIN: it may be sent, or was refused before, or another process sends it now. */
export type PinClaim = { readonly before: PinStanding | undefined } | 'refused' | 'busy';

/** Where all processes of an installation read and write what became of PINs, of which it has digests only. */
export interface PinLedger {
  /** What stands for a PIN of a token; nobody can guess the PIN from it. */
  credentialOf(token: string, pin: SecretBytes): Buffer;
  /** Whether it was refused, or was sent for the first time and nobody learnt what became of it. */
  isRefused(credential: Buffer): Promise<boolean>;
  /** Notes, for good, that it is about to be sent. With `anew` also where it was refused. */
  claim(credential: Buffer, attemptId: string, anew: boolean): Promise<PinClaim>;
  /** Notes what became of the attempt; undefined where it is as if it had never been made. */
  settle(credential: Buffer, attemptId: string, standing: PinStanding | undefined): Promise<void>;
}

const WAIT_MS = 100;
const AGAIN_MS = 1_000;

/**
 * The PIN of a token, which an installation sends one at a time and not again once it was refused: each wrong one brings
 * the token nearer to locking itself, whichever process sends it. One that was never accepted, and whose login had no
 * answer, counts as refused.
 */
export class TokenPin {
  readonly #credential: Buffer;
  readonly #closed = new AbortController();

  /** `token` says which token, alike in all processes. Takes ownership of `secret`. */
  constructor(
    private readonly secret: SecretBytes,
    private readonly ledger: PinLedger,
    token: string,
  ) {
    this.#credential = ledger.credentialOf(token, secret);
  }

  /** Throws `TokenFailure`: `pin` where it would not be sent, `lost` where that cannot be known. */
  async check(): Promise<void> {
    if (await known(this.ledger.isRefused(this.#credential))) throw refusedBefore();
  }

  /**
   * Lets `login` send a copy of the PIN. With `anew`, for an operator who asks for an attempt, also where it was refused.
   * Throws as `check` and `login`.
   */
  async send<T>(login: (pin: Buffer) => Promise<T>, anew: boolean): Promise<T> {
    const attemptId = newRequestId();
    const before = await this.#claim(attemptId, anew);
    if (this.#closed.signal.aborted) {
      await this.#settle(attemptId, before);
      throw closed();
    }
    const pin = Buffer.from(this.secret.expose('log in to a token'));
    let answer: T;
    try {
      answer = await login(pin);
    } catch (error) {
      await this.#settle(attemptId, standingAfter(error, before));
      throw error;
    } finally {
      pin.fill(0);
    }
    await this.#settle(attemptId, 'accepted');
    return answer;
  }

  /** Nothing is sent from now on, and nothing waits. */
  close(): void {
    this.#closed.abort();
  }

  /** Once nothing can be under way. */
  wipe(): void {
    this.secret.wipe();
  }

  async #claim(attemptId: string, anew: boolean): Promise<PinStanding | undefined> {
    for (;;) {
      const claim = await known(this.ledger.claim(this.#credential, attemptId, anew));
      if (claim === 'refused') throw refusedBefore();
      if (claim !== 'busy') return claim.before;
      await this.#pause(WAIT_MS);
      if (this.#closed.signal.aborted) throw closed();
    }
  }

  /** A ledger that is away is waited for: what it never hears of counts as refused. */
  async #settle(attemptId: string, standing: PinStanding | undefined): Promise<void> {
    for (;;) {
      try {
        return await this.ledger.settle(this.#credential, attemptId, standing);
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'unavailable')) throw error;
        if (this.#closed.signal.aborted) return;
        await this.#pause(AGAIN_MS);
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closed.signal, ref: false }).catch(() => undefined);
  }
}

function standingAfter(error: unknown, before: PinStanding | undefined): PinStanding | undefined {
  const kind = error instanceof TokenFailure ? error.failure.kind : 'lost';
  if (kind === 'pin') return 'refused';
  // It may have been wrong, and the next try the last.
  if (kind === 'lost' && before === undefined) return 'refused';
  return before;
}

const closed = (): TokenFailure => TokenFailure.of('lost', 'the engine was closed');

const refusedBefore = (): TokenFailure => TokenFailure.of('pin', 'refused, or not answered, before');

async function known<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch {
    throw TokenFailure.of('lost', 'whether the PIN was refused cannot be read');
  }
}
