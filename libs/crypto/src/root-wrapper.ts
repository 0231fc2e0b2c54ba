import type { SecretBytes } from '#kernel';
import type { SealBinding } from './sealer.js';

/** A secret wrapped by a root of trust, and by which. */
export interface RootWrapped {
  readonly rootId: string;
  readonly wrapped: Buffer;
}

/** The root of trust: wraps tenants' key-encryption keys and nothing of tenants' own. */
export interface RootWrapper {
  /** The root that `wrap` uses. */
  readonly activeId: string;
  /** Every root that `unwrap` can use, the active one last. */
  ids(): string[];
  /** Wraps under the active root. */
  wrap(binding: SealBinding, key: SecretBytes): RootWrapped;
  /** Throws `AppError`: `unavailable` for a root it does not have, `internal` where the bytes do not open. */
  unwrap(rootId: string, binding: SealBinding, wrapped: Buffer): SecretBytes;
  /** A fingerprint that tells whether two rings mean the same root by one id; it tells nothing of the root. */
  checkValue(rootId: string): Buffer;
}
