import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type JSONWebKeySet,
  type JWSHeaderParameters,
  type LocalJWKSet,
} from 'jose';
import { AppError, type Clock } from '#kernel';
import type { KeySource } from './key-source.js';

const MAX_KEYS = 100;

/** After a failed load, how long before the source is asked again. */
const RETRY_MS = 5_000;

export interface KeySetOptions {
  readonly clock: Clock;
  /** How long a loaded set may be used; a key withdrawn at the source stops working within this time. */
  readonly maxAgeMs: number;
  /** How long after a load an unknown key id causes no other. */
  readonly cooldownMs: number;
  /** Told of every load that failed, also those that no caller waits for. */
  readonly onLoadFailed?: (error: unknown) => void;
}

export interface FoundKey {
  readonly key: CryptoKey;
  /** Generation of the set it was found in. */
  readonly generation: number;
}

interface LoadedSet {
  readonly text: string;
  readonly find: LocalJWKSet;
  readonly generation: number;
  readonly loadedAtMs: number;
}

function parseKeySet(text: string): LocalJWKSet {
  const parsed = JSON.parse(text) as Partial<JSONWebKeySet> | null;
  if (!Array.isArray(parsed?.keys)) throw new Error('the key set has no array of keys');
  if (parsed.keys.length > MAX_KEYS) throw new Error(`the key set has more than ${MAX_KEYS} keys`);
  return createLocalJWKSet({ keys: parsed.keys });
}

/**
 * The public keys of one issuer, loaded on first use. Not `createRemoteJWKSet` of jose, because that has no cool-down
 * after a failure, does not tell when the set changed, and reads the time from the system.
 *
 * Past half its age a set is loaded again beside the requests, so that a short outage of the issuer is not noticed;
 * past its whole age nothing is verified with it. Whoever needs a set that cannot be loaded gets `unavailable` with
 * `Retry-After`, not 401: the token may well be good.
 */
export class IssuerKeySet {
  #set: LoadedSet | undefined;
  #loading: Promise<LoadedSet> | undefined;
  #failedAtMs: number | undefined;

  constructor(
    private readonly source: KeySource,
    private readonly options: KeySetOptions,
  ) {}

  /** Whether what was verified with a key of this generation still holds. */
  holds(generation: number): boolean {
    return this.#set?.generation === generation && this.#since(this.#set.loadedAtMs, this.options.maxAgeMs);
  }

  /** Loads the set where it is too old to be used. Throws `unavailable`. */
  async refresh(): Promise<void> {
    await this.#current();
  }

  /**
   * The one key that fits the header's `alg` and `kid`; one that is not known is looked for at the source again,
   * unless that was done a moment ago. Throws `unavailable`, or an error of jose where no single key fits.
   */
  async find(header: JWSHeaderParameters): Promise<FoundKey> {
    const set = await this.#current();
    try {
      return { key: await set.find(header), generation: set.generation };
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const newer = await this.#newerThan(set);
      if (!newer) throw error;
      return { key: await newer.find(header), generation: newer.generation };
    }
  }

  async #current(): Promise<LoadedSet> {
    const { maxAgeMs } = this.options;
    const set = this.#set;
    if (!set || !this.#since(set.loadedAtMs, maxAgeMs)) return this.#load();
    if (!this.#since(set.loadedAtMs, maxAgeMs / 2)) void this.#load().catch(() => undefined); // told to onLoadFailed
    return set;
  }

  async #newerThan(set: LoadedSet): Promise<LoadedSet | undefined> {
    if (this.#set === set && this.#since(set.loadedAtMs, this.options.cooldownMs)) return undefined;
    const loaded = this.#set === set ? await this.#load() : this.#set;
    return loaded?.generation === set.generation ? undefined : loaded;
  }

  #load(): Promise<LoadedSet> {
    if (this.#loading) return this.#loading;
    if (this.#failedAtMs !== undefined && this.#since(this.#failedAtMs, RETRY_MS))
      return Promise.reject(this.#unavailable());
    this.#loading = this.#read().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #read(): Promise<LoadedSet> {
    // The moment of asking, not of the answer: a key withdrawn while the answer travels must not live longer for it.
    const loadedAtMs = this.options.clock.now();
    try {
      const text = await this.source.load();
      const known = this.#set;
      const set =
        known?.text === text
          ? { ...known, loadedAtMs }
          : { text, find: parseKeySet(text), generation: (known?.generation ?? 0) + 1, loadedAtMs };
      this.#failedAtMs = undefined;
      this.#set = set;
      return set;
    } catch (error) {
      this.#failedAtMs = this.options.clock.now();
      this.options.onLoadFailed?.(error);
      throw this.#unavailable(error);
    }
  }

  /** False also where the clock was set back: then nothing is known about an age. */
  #since(thenMs: number, limitMs: number): boolean {
    const elapsed = this.options.clock.now() - thenMs;
    return elapsed >= 0 && elapsed < limitMs;
  }

  #unavailable(cause?: unknown): AppError {
    const elapsed = this.options.clock.now() - (this.#failedAtMs ?? 0);
    return new AppError('unavailable', {
      detail: 'The keys of the token issuer cannot be had.',
      cause,
      retryAfterS: Math.max(1, Math.ceil((RETRY_MS - elapsed) / 1000)),
    });
  }
}
