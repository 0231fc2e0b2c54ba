import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { NativeKey } from '#crypto';
import { AppError, type SecretBytes } from '#kernel';

/** A decrypted private key, held in memory inside OpenSSL. */
export class LoadedKey {
  #native: NativeKey | undefined;
  #disposed = false;

  private constructor(
    readonly keyObject: KeyObject,
    /** SHA-256 of the SPKI, hex. */
    readonly fingerprint: string,
  ) {}

  /**
   * Decodes `pkcs8` and wipes it. Throws `AppError` `internal` when its public half is not `spki`: then what
   * is stored was tampered with.
   */
  static open(pkcs8: SecretBytes, spki: Buffer, fingerprint: string): LoadedKey {
    try {
      const keyObject = createPrivateKey({
        key: pkcs8.expose('decode a private key'),
        format: 'der',
        type: 'pkcs8',
      });
      if (!createPublicKey(keyObject).export({ type: 'spki', format: 'der' }).equals(spki)) {
        throw new AppError('internal', { cause: new Error('a private key does not match its public key') });
      }
      return new LoadedKey(keyObject, fingerprint);
    } finally {
      pkcs8.wipe();
    }
  }

  /**
   * Runs work on the key as OpenSSL's own, which is decoded at first use. After `dispose` a copy is made for
   * the work and freed with it. Throws `AppError` `unsupported_by_engine` where OpenSSL cannot be called.
   */
  withNative<T>(work: (native: NativeKey) => T | Promise<T>): T | Promise<T> {
    return this.#disposed ? this.#withCopy(work) : work((this.#native ??= this.#decode()));
  }

  /** Frees what OpenSSL holds beside the `KeyObject`, which goes with its last user. */
  dispose(): void {
    this.#disposed = true;
    this.#native?.dispose();
    this.#native = undefined;
  }

  async #withCopy<T>(work: (native: NativeKey) => T | Promise<T>): Promise<T> {
    const native = this.#decode();
    try {
      return await work(native);
    } finally {
      native.dispose();
    }
  }

  #decode(): NativeKey {
    const der = this.keyObject.export({ type: 'pkcs8', format: 'der' });
    try {
      return NativeKey.fromPkcs8(der);
    } finally {
      der.fill(0);
    }
  }
}
