import type { SecretBytes } from '#kernel';

/** What a sealed secret is bound to. All of it is authenticated: a ciphertext moved to another row never opens. */
export interface SealBinding {
  readonly tenantId: string;
  /** What kind of secret, e.g. `private-key`. */
  readonly purpose: string;
  /** The object it belongs to, e.g. the key id. */
  readonly objectId: string;
  /** Version of the secret within its object. */
  readonly version: number;
  /** For keys: the SHA-256 of the SPKI in hex. */
  readonly fingerprint?: string;
}

/** Envelope encryption under a tenant's key. Implemented where tenants' keys live, used by who stores secrets. */
export interface Sealer {
  /** Encrypts `plaintext` under a fresh data key, itself wrapped by the tenant's key. */
  seal(binding: SealBinding, plaintext: SecretBytes): Promise<Buffer>;
  /** Throws when the blob was changed or sealed with another binding. */
  unseal(binding: SealBinding, sealed: Buffer): Promise<SecretBytes>;
}
