import { newSecretKey, openUnder, sealUnder, type SealBinding, type Sealer } from '#crypto';
import type { SecretBytes } from '#kernel';

/** A sealer whose tenants' keys live as long as itself. Counts, so that caching can be seen. */
export class MemorySealer implements Sealer {
  readonly #keys = new Map<string, SecretBytes>();
  unsealed = 0;

  async seal(binding: SealBinding, plaintext: SecretBytes): Promise<Buffer> {
    return sealUnder(this.#keyOf(binding), 1, binding, plaintext);
  }

  async unseal(binding: SealBinding, sealed: Buffer): Promise<SecretBytes> {
    this.unsealed += 1;
    return openUnder(this.#keyOf(binding), binding, sealed);
  }

  #keyOf({ tenantId }: SealBinding): SecretBytes {
    const key = this.#keys.get(tenantId) ?? newSecretKey();
    this.#keys.set(tenantId, key);
    return key;
  }
}
