import { createPublicKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sha256 } from './derive.js';
import { NativeKey } from './native-key.js';

/** Decoding takes longer than verifying, so decoded public keys are kept; they are no secrets. */
const CACHED_KEYS = 4096;

/** A decoded public key. Used at once, never kept across an `await`. */
export class VerificationKey {
  static readonly #cache = new LRUCache<string, VerificationKey>({
    max: CACHED_KEYS,
    dispose: (key) => key.#native?.dispose(),
  });

  readonly keyObject: KeyObject;
  #native: NativeKey | undefined;

  private constructor(private readonly spki: Buffer) {
    this.keyObject = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  }

  /** The decoded form of SubjectPublicKeyInfo, DER. */
  static of(spki: Buffer): VerificationKey {
    const id = sha256(spki).toString('latin1');
    let key = this.#cache.get(id);
    if (!key) {
      key = new VerificationKey(Buffer.from(spki));
      this.#cache.set(id, key);
    }
    return key;
  }

  /** The key in OpenSSL. Throws `AppError` `unsupported_by_engine` where OpenSSL cannot be called. */
  get native(): NativeKey {
    this.#native ??= NativeKey.fromSpki(this.spki);
    return this.#native;
  }
}
