import { createPublicKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sha256Hex } from './derive.js';
import { NativeKey } from './native-key.js';

/** Decoding takes longer than verifying, so decoded public keys are kept; they are no secrets. */
const CACHED_KEYS = 4096;

/** Verifying by such RSA keys takes less than a trip to the pool; a large exponent makes it as slow as signing. */
const QUICK_RSA = { bits: 4096, exponent: 0x10001n };

/** A decoded public key. Used at once, never kept across an `await`. */
export class VerificationKey {
  static readonly #cache = new LRUCache<string, VerificationKey>({
    max: CACHED_KEYS,
    dispose: (key) => key.#native?.dispose(),
  });

  readonly keyObject: KeyObject;
  /** It is RSA, and verifying by it takes less than a trip to the thread pool. */
  readonly isQuickRsa: boolean;
  #native: NativeKey | undefined;

  private constructor(private readonly spki: Buffer) {
    this.keyObject = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const { modulusLength = Infinity, publicExponent = 0n } = this.keyObject.asymmetricKeyDetails ?? {};
    this.isQuickRsa =
      this.keyObject.asymmetricKeyType === 'rsa' &&
      modulusLength <= QUICK_RSA.bits &&
      publicExponent <= QUICK_RSA.exponent;
  }

  /** The decoded form of SubjectPublicKeyInfo, DER. */
  static of(spki: Buffer): VerificationKey {
    const id = sha256Hex(spki);
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
