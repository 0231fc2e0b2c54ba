import { ConcurrencyLimit } from './concurrency-limit.js';
import { nativeOpenSsl, POOLED_CALLS, type OpenSsl, type Pointer } from './native-openssl.js';

/** A control string of a key context, e.g. `['rsa_padding_mode', 'pss']`, as `openssl pkeyutl -pkeyopt` takes it. */
export type ContextSetting = readonly [name: string, value: string];

/** Where OpenSSL writes a signature; `length` goes in as the room there is and comes out as what was used. */
interface SignatureSpace {
  readonly signature: Buffer;
  readonly length: BigUint64Array;
}

/** Callers choose the salt's length, so that there could be hundreds. */
const PURPOSES = 8;
/** More at once than there are threads, so that none of them waits for the event loop to bring it its next call. */
const POOL_CALLS = new ConcurrencyLimit(POOLED_CALLS, 4096);

/**
 * A key inside OpenSSL (`EVP_PKEY`), for what `node:crypto` has no function for: signing and verifying a
 * digest without hashing it again, and checking a key pair. `dispose` frees it; work under way is not harmed,
 * for each context holds the key as well. Where a failure is not the caller's, methods throw `Error`.
 */
export class NativeKey {
  readonly #openSsl: OpenSsl;
  readonly #signatureLength: number;
  #key: Pointer;
  #inlineSpace: SignatureSpace | undefined;
  /** Contexts that are set up and not in use, by what they are set up for. */
  readonly #idle = new Map<string, Pointer[]>();

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
  signInline(digest: Buffer, settings: readonly ContextSetting[] = []): Buffer {
    const { EVP_PKEY_sign, EVP_PKEY_sign_init } = this.#openSsl;
    const out = (this.#inlineSpace ??= this.#signatureSpace());
    out.length[0] = BigInt(this.#signatureLength);
    const purpose = purposeOf('sign', settings);
    const context = this.#take(purpose, EVP_PKEY_sign_init, settings);
    const done = EVP_PKEY_sign(context, out.signature, out.length, digest, digest.length);
    this.#putBack(purpose, context);
    return Buffer.from(this.#signed(done, out));
  }

  /** Verifies on this thread; an ECDSA `signature` is strict DER. */
  verifyInline(digest: Buffer, signature: Buffer, settings: readonly ContextSetting[] = []): boolean {
    const { EVP_PKEY_verify, EVP_PKEY_verify_init } = this.#openSsl;
    const purpose = purposeOf('verify', settings);
    const context = this.#take(purpose, EVP_PKEY_verify_init, settings);
    const done = EVP_PKEY_verify(context, signature, signature.length, digest, digest.length);
    this.#putBack(purpose, context);
    return this.#accepted(done);
  }

  /** Signs a digest on the thread pool. */
  async sign(digest: Buffer, settings: readonly ContextSetting[]): Promise<Buffer> {
    const { EVP_PKEY_sign, EVP_PKEY_sign_init } = this.#openSsl;
    const out = this.#signatureSpace();
    const done = await this.#onPool(
      'sign',
      EVP_PKEY_sign_init,
      settings,
      [out.signature, out.length, digest],
      (context, report) =>
        EVP_PKEY_sign.async(context, out.signature, out.length, digest, digest.length, report),
    );
    return this.#signed(done, out);
  }

  /** Verifies a digest's signature on the thread pool. */
  async verify(digest: Buffer, signature: Buffer, settings: readonly ContextSetting[]): Promise<boolean> {
    const { EVP_PKEY_verify, EVP_PKEY_verify_init } = this.#openSsl;
    const done = await this.#onPool(
      'verify',
      EVP_PKEY_verify_init,
      settings,
      [signature, digest],
      (context, report) =>
        EVP_PKEY_verify.async(context, signature, signature.length, digest, digest.length, report),
    );
    return this.#accepted(done);
  }

  /** OpenSSL's own check of a key pair, on the thread pool: for RSA that the primes are prime and every component fits. */
  async check(): Promise<boolean> {
    const { EVP_PKEY_check } = this.#openSsl;
    const done = await this.#onPool(
      'check',
      () => 1,
      [],
      [],
      (context, report) => EVP_PKEY_check.async(context, report),
    );
    return this.#accepted(done);
  }

  /** Frees the key. It must not be used afterwards. */
  dispose(): void {
    for (const context of [...this.#idle.values()].flat()) this.#openSsl.EVP_PKEY_CTX_free(context);
    this.#idle.clear();
    this.#openSsl.EVP_PKEY_free(this.#key);
    this.#key = null;
  }

  #context(init: (context: Pointer) => number, settings: readonly ContextSetting[]): Pointer {
    if (this.#key === null) throw new Error('the key was disposed of');
    const context = this.#openSsl.EVP_PKEY_CTX_new(this.#key, null);
    const ready =
      context !== null &&
      init(context) === 1 &&
      settings.every(([name, value]) => this.#openSsl.EVP_PKEY_CTX_ctrl_str(context, name, value) === 1);
    if (ready) return context;
    this.#openSsl.EVP_PKEY_CTX_free(context);
    this.#openSsl.ERR_clear_error();
    throw new Error('OpenSSL refused the key or its settings');
  }

  /**
   * Runs one call with a context that nobody else uses meanwhile, and keeps it for the next. `held` stays referenced
   * until OpenSSL is done with it.
   */
  async #onPool(
    operation: string,
    init: (context: Pointer) => number,
    settings: readonly ContextSetting[],
    held: readonly object[],
    call: (context: Pointer, report: (error: Error | null, result: number) => void) => void,
  ): Promise<number> {
    const purpose = purposeOf(operation, settings);
    const context = this.#take(purpose, init, settings);
    try {
      return await POOL_CALLS.run(
        undefined,
        () =>
          new Promise<number>((resolve, reject) => {
            const keep = [...held];
            call(context, (error, result) => {
              keep.length = 0;
              if (error) reject(error);
              else resolve(result);
            });
          }),
      );
    } finally {
      this.#putBack(purpose, context);
    }
  }

  #take(purpose: string, init: (context: Pointer) => number, settings: readonly ContextSetting[]): Pointer {
    return this.#idle.get(purpose)?.pop() ?? this.#context(init, settings);
  }

  #putBack(purpose: string, context: Pointer): void {
    if (this.#key === null) return this.#openSsl.EVP_PKEY_CTX_free(context);
    const idle = this.#idle.get(purpose);
    if (idle && idle.length < POOLED_CALLS) idle.push(context);
    else if (!idle && this.#idle.size < PURPOSES) this.#idle.set(purpose, [context]);
    else this.#openSsl.EVP_PKEY_CTX_free(context);
  }

  #signatureSpace(): SignatureSpace {
    return {
      signature: Buffer.alloc(this.#signatureLength),
      length: BigUint64Array.of(BigInt(this.#signatureLength)),
    };
  }

  #signed(done: number, { signature, length }: SignatureSpace): Buffer {
    if (!this.#accepted(done)) throw new Error('OpenSSL refused to sign');
    return signature.subarray(0, Number(length[0]));
  }

  #accepted(done: number): boolean {
    // What a refusal leaves in this thread's error queue must not be found by TLS.
    if (done !== 1) this.#openSsl.ERR_clear_error();
    return done === 1;
  }
}

const purposeOf = (operation: string, settings: readonly ContextSetting[]): string =>
  settings.length === 0 ? operation : `${operation} ${settings.join(' ')}`;

function decode(openSsl: OpenSsl, decoder: OpenSsl['d2i_PUBKEY'], der: Buffer): Pointer {
  const key = decoder(null, [der], der.length);
  if (key !== null) return key;
  openSsl.ERR_clear_error();
  throw new Error('OpenSSL does not read the key');
}
