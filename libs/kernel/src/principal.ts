import type { Permission } from './permission.js';

/**
 * Narrows a principal to some keys (RFC 9396 `authorization_details` of type `claviger_keys`).
 * A key is visible when it matches any of the three lists; every other key is unknown to the principal.
 */
export interface KeyNarrowing {
  readonly keys: readonly string[];
  readonly aliases: readonly string[];
  readonly tags: readonly string[];
}

/** Who is calling, as established from a verified credential. */
export interface Principal {
  /** Issuer of the credential (`iss`). */
  readonly issuer: string;
  /** Subject at that issuer (`sub`). */
  readonly subject: string;
  readonly tenantId: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly narrowing?: KeyNarrowing;
}
