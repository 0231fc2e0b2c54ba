import { ConcurrencyLimit } from './concurrency-limit.js';
import { nativeOpenSsl, POOLED_CALLS, type OpenSsl, type Pointer } from './native-openssl.js';

/** A control string of a key context, e.g. `['rsa_padding_mode', 'pss']`, as `openssl pkeyutl -pkeyopt` takes it. */
export type ContextSetting = readonly [name: string, value: string];

type Operation = 'sign' | 'verify' | 'check';

/** A key's context in OpenSSL, set up for one operation, and the room that a signature of the key needs. */
interface KeyContext {
  readonly pointer: Pointer;
  readonly operation: Operation;
  readonly settings: readonly ContextSetting[];
  readonly signature: Buffer;
  /** Goes in as the room there is and comes out as what was used. */
  readonly length: BigUint64Array;
}

/** Nothing is said beyond what the key says itself. */
export const NO_SETTINGS: readonly ContextSetting[] = Object.freeze([]);

/** Callers choose the salt's length, so that there could be hundreds. */
const PURPOSES = 8;
/** More at once than there are threads, so that none of them waits for the event loop to bring it its next call. */
const POOL_CALLS = new ConcurrencyLimit(POOLED_CALLS, 4096);

/**
 * A key inside OpenSSL (`EVP_PKEY`), for what `node:crypto` has no function for: signing and verifying a
 * digest without hashing it again, and checking a key pair. Contexts are kept for each list of settings, which
 * `digestSettings` makes once. `dispose` frees the key; work under way is not harmed, for each context holds the key as
 * well. Where a failure is not the caller's, methods throw `Error`.
 */
export class NativeKey {
  readonly #openSsl: OpenSsl;
  readonly #signatureLength: number;
  #key: Pointer;
  /** Contexts that are set up and not in use. */
  readonly #idle: Readonly<Record<Operation, Map<readonly ContextSetting[], KeyContext[]>>> = {
    sign: new Map(),
    verify: new Map(),
    check: new Map(),
  };

  private constructor(openSsl: OpenSsl, key: Pointer) {
    this.#openSsl = openSsl;
    this.#key = key;
    this.#signatureLength = openSsl.EVP_PKEY_get_size(key);
  }

  /** From PrivateKeyInfo, DER. Throws `AppError` `unsupported_by_engine` where OpenSSL cannot be called. */
  static fromPkcs8(pkcs8: Buffer): NativeKey {
    const openSsl = nativeOpenSsl();
    return new NativeKey(openSsl, decode(openSsl, openSsl.d2i_AutoPrivateKey, pkcs8));
  }

  /** From SubjectPublicKeyInfo, DER. Throws `AppError` `unsupported_by_engine` where OpenSSL cannot be called. */
  static fromSpki(spki: Buffer): NativeKey {
    const openSsl = nativeOpenSsl();
    return new NativeKey(openSsl, decode(openSsl, openSsl.d2i_PUBKEY, spki));
  }

  /** Signs a digest on this thread: for what takes less than a trip to the pool. */
  signInline(digest: Buffer, settings = NO_SETTINGS): Buffer {
    const context = this.#take('sign', settings);
    const { pointer, signature, length } = context;
    const done = this.#openSsl.EVP_PKEY_sign(pointer, signature, length, digest, digest.length);
    return this.#signed(done, context);
  }

  /** Verifies on this thread; an ECDSA `signature` is strict DER. */
  verifyInline(digest: Buffer, signature: Buffer, settings = NO_SETTINGS): boolean {
    const context = this.#take('verify', settings);
    const { EVP_PKEY_verify } = this.#openSsl;
    const done = EVP_PKEY_verify(context.pointer, signature, signature.length, digest, digest.length);
    this.#putBack(context);
    return this.#accepted(done);
  }

  /** Signs a digest on the thread pool. */
  async sign(digest: Buffer, settings: readonly ContextSetting[]): Promise<Buffer> {
    const context = this.#take('sign', settings);
    const { pointer, signature, length } = context;
    const done = await this.#onPool(context, (report) =>
      this.#openSsl.EVP_PKEY_sign.async(pointer, signature, length, digest, digest.length, report),
    );
    return this.#signed(done, context);
  }

  /** Verifies a digest's signature on the thread pool. */
  async verify(digest: Buffer, signature: Buffer, settings: readonly ContextSetting[]): Promise<boolean> {
    const context = this.#take('verify', settings);
    const { EVP_PKEY_verify } = this.#openSsl;
    const done = await this.#onPool(context, (report) =>
      EVP_PKEY_verify.async(context.pointer, signature, signature.length, digest, digest.length, report),
    );
    this.#putBack(context);
    return this.#accepted(done);
  }

  /** OpenSSL's own check of a key pair, on the thread pool: for RSA that the primes are prime and every component fits. */
  async check(): Promise<boolean> {
    const context = this.#take('check', NO_SETTINGS);
    const done = await this.#onPool(context, (report) =>
      this.#openSsl.EVP_PKEY_check.async(context.pointer, report),
    );
    this.#putBack(context);
    return this.#accepted(done);
  }

  /** Frees the key. It must not be used afterwards. */
  dispose(): void {
    for (const contexts of Object.values(this.#idle)) {
      for (const { pointer } of [...contexts.values()].flat()) this.#openSsl.EVP_PKEY_CTX_free(pointer);
      contexts.clear();
    }
    this.#openSsl.EVP_PKEY_free(this.#key);
    this.#key = null;
  }

  #setUp(operation: Operation, settings: readonly ContextSetting[]): KeyContext {
    if (this.#key === null) throw new Error('the key was disposed of');
    const openSsl = this.#openSsl;
    const pointer = openSsl.EVP_PKEY_CTX_new(this.#key, null);
    const ready =
      pointer !== null &&
      (operation === 'check' || openSsl[`EVP_PKEY_${operation}_init`](pointer) === 1) &&
      settings.every(([name, value]) => openSsl.EVP_PKEY_CTX_ctrl_str(pointer, name, value) === 1);
    if (!ready) {
      openSsl.EVP_PKEY_CTX_free(pointer);
      openSsl.ERR_clear_error();
      throw new Error('OpenSSL refused the key or its settings');
    }
    const signature = Buffer.alloc(operation === 'sign' ? this.#signatureLength : 0);
    return { pointer, operation, settings, signature, length: BigUint64Array.of(0n) };
  }

  /** Makes one call on the pool. What it is given stays referenced until OpenSSL is done with it. */
  async #onPool(
    context: KeyContext,
    call: (report: (error: Error | null, result: number) => void) => void,
  ): Promise<number> {
    try {
      return await POOL_CALLS.run(
        undefined,
        () =>
          new Promise<number>((resolve, reject) => {
            let held: typeof call | undefined = call;
            held((error, result) => {
              held = undefined;
              if (error) reject(error);
              else resolve(result);
            });
          }),
      );
    } catch (error) {
      this.#putBack(context);
      throw error;
    }
  }

  /** A context that nobody else uses until it is put back. */
  #take(operation: Operation, settings: readonly ContextSetting[]): KeyContext {
    const context = this.#idle[operation].get(settings)?.pop() ?? this.#setUp(operation, settings);
    context.length[0] = BigInt(context.signature.length);
    return context;
  }

  #putBack(context: KeyContext): void {
    if (this.#key === null) return this.#openSsl.EVP_PKEY_CTX_free(context.pointer);
    const contexts = this.#idle[context.operation];
    const idle = contexts.get(context.settings);
    if (idle && idle.length < POOLED_CALLS) idle.push(context);
    else if (!idle && contexts.size < PURPOSES) contexts.set(context.settings, [context]);
    else this.#openSsl.EVP_PKEY_CTX_free(context.pointer);
  }

  /** The signature that a call left in its context, which is put back. */
  #signed(done: number, context: KeyContext): Buffer {
    const isSigned = this.#accepted(done);
    const signature = Buffer.allocUnsafeSlow(isSigned ? Number(context.length[0]) : 0);
    context.signature.copy(signature);
    this.#putBack(context);
    if (!isSigned) throw new Error('OpenSSL refused to sign');
    return signature;
  }

  #accepted(done: number): boolean {
    // What a refusal leaves in this thread's error queue must not be found by TLS.
    if (done !== 1) this.#openSsl.ERR_clear_error();
    return done === 1;
  }
}

function decode(openSsl: OpenSsl, decoder: OpenSsl['d2i_PUBKEY'], der: Buffer): Pointer {
  const key = decoder(null, [der], der.length);
  if (key !== null) return key;
  openSsl.ERR_clear_error();
  throw new Error('OpenSSL does not read the key');
}
