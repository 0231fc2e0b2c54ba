import {
  KMSClient,
  type $Command,
  type KMSClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from '@aws-sdk/client-kms';
import { ConcurrencyLimit } from '#crypto';
import { AppError } from '#kernel';
import type { AwsKmsSettings } from './aws-kms-settings.js';
import { addEchoRule } from './echo-rule.js';
import { Unretried, addRetryRules } from './retry-rules.js';

/** Calls under way at once; further ones wait, and tenants take turns. */
const SOCKETS = 64;
/** Calls of one tenant that may wait. */
const WAITING = 1_000;
const ATTEMPTS = 4;
const CONNECT_MS = 3_000;

/** Whose turn a call takes; `undefined`: nobody's in particular. */
type Group = string | undefined;
type Command<I extends ServiceInputTypes, O extends ServiceOutputTypes> = $Command<
  I,
  O,
  KMSClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

/** `once`: for what must not be done twice, which never goes out on a connection that may have been closed meanwhile. */
function newClient({ region, endpoint, credentials, timeoutMs }: AwsKmsSettings, once: boolean): KMSClient {
  const attemptMs = Math.ceil(timeoutMs / 2);
  const agent = { keepAlive: !once, maxSockets: SOCKETS };
  // All that the SDK would otherwise look for in the environment and in files is said here.
  const client = new KMSClient({
    region,
    endpoint,
    ...(credentials && { credentials }),
    authSchemePreference: ['aws.auth#sigv4'],
    defaultsMode: 'standard',
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, attemptMs),
      requestTimeout: attemptMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    retryMode: 'standard',
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'claviger',
  });
  addRetryRules(client, once);
  addEchoRule(client);
  return client;
}

const timedOut = (): AppError =>
  new AppError('unavailable', { detail: 'AWS KMS did not answer in time.', retryAfterS: 2 });
const closed = (): AppError =>
  new AppError('unavailable', { detail: 'The engine is being closed.', retryAfterS: 2 });

/** Settles as the promise does, or at once with the signal's reason. */
const orAborted = <T>(signal: AbortSignal, promise: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject);
  });

/** The way to AWS KMS: every call ends in bounded time, whatever the other end does. */
export class KmsConnection {
  readonly #client: KMSClient;
  readonly #onceClient: KMSClient;
  readonly #timeoutMs: number;
  readonly #calls = new ConcurrencyLimit(SOCKETS, WAITING);
  readonly #underWay = new Set<AbortController>();
  #isClosed = false;

  constructor(settings: AwsKmsSettings) {
    this.#client = newClient(settings, false);
    this.#onceClient = newClient(settings, true);
    this.#timeoutMs = settings.timeoutMs;
  }

  /**
   * Calls the service, again where that helps, and throws the SDK's errors as they are. Throws `AppError` `unavailable`
   * where there is no answer within `timeoutMs`, by default the configured one, waiting and all attempts included, and
   * `rate_limited` where too many calls of the group wait.
   */
  call<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    group: Group,
    command: Command<I, O>,
    timeoutMs = this.#timeoutMs,
  ): Promise<O> {
    return this.#bounded(group, timeoutMs, (abortSignal) => this.#client.send(command, { abortSignal }));
  }

  /** For what makes another thing each time: as `call`, but never again where the first may have been done. */
  callOnce<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    group: Group,
    command: Command<I, O>,
  ): Promise<O> {
    return this.#bounded(group, this.#timeoutMs, (abortSignal) =>
      this.#onceClient.send(command, { abortSignal }),
    );
  }

  close(): void {
    this.#isClosed = true;
    for (const controller of this.#underWay) controller.abort(closed());
    this.#client.destroy();
    this.#onceClient.destroy();
  }

  async #bounded<O>(group: Group, timeoutMs: number, send: (signal: AbortSignal) => Promise<O>): Promise<O> {
    if (this.#isClosed) throw closed();
    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(timedOut()), timeoutMs);
    this.#underWay.add(controller);
    const inTurn = async (): Promise<O> => {
      signal.throwIfAborted();
      return send(signal);
    };
    try {
      return await orAborted(signal, this.#calls.run(group, inTurn));
    } catch (error) {
      throw error instanceof Unretried ? error.reason : error;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(controller);
    }
  }
}
