import type { KeySpec, SignatureRow } from '#crypto';
import type { SecretBytes } from '#kernel';

/** A capability that an engine has or has not; shown by GET /engines. */
export type EngineCapability = 'generate' | 'import' | 'sign' | 'sign-digest';

export interface EngineDescription {
  readonly id: string;
  readonly type: 'SOFTWARE';
  readonly securityLevel: 0 | 1 | 2;
  readonly provider: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The key specs this engine holds, found at run time. */
  readonly keySpecs: readonly KeySpec[];
  readonly capabilities: readonly EngineCapability[];
}

export interface EngineHealth {
  readonly status: 'ok' | 'down';
  readonly latencyMs: number;
}

/** What names a key towards its engine. */
export interface EngineKeyRef {
  readonly tenantId: string;
  readonly keyId: string;
}

/** A key as its engine made or took it; `handle` is opaque and stored by the caller. */
export interface EngineKey {
  /** SubjectPublicKeyInfo, DER (RFC 5280). */
  readonly spki: Buffer;
  /** Whatever the engine needs to find the private key again (a sealed key, a CKA_ID, an ARN). */
  readonly handle: Buffer;
}

export interface StoredEngineKey extends EngineKeyRef, EngineKey {
  readonly spec: KeySpec;
  /** SHA-256 of the SPKI, hex. */
  readonly fingerprint: string;
}

export interface SignInput {
  readonly row: SignatureRow;
  /** `raw`: the engine hashes; `digest`: the bytes are the digest and are never hashed again. */
  readonly type: 'raw' | 'digest';
  readonly data: Buffer;
  /** RSASSA-PSS salt length in bytes; absent: the digest's length. */
  readonly saltLength?: number;
}

/**
 * A crypto engine. All throw `AppError`: `unsupported_by_engine` where the device cannot,
 * `unavailable` where it cannot be reached. Signatures are DER for ECDSA, as made otherwise.
 */
export interface Engine {
  describe(): EngineDescription;
  generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey>;
  sign(key: StoredEngineKey, input: SignInput): Promise<Buffer>;
  /** Destroys the private key. Succeeds when it is gone already. */
  destroy(key: StoredEngineKey): Promise<void>;
  /** Drops whatever of this key is held in memory. */
  evict(ref: EngineKeyRef): void;
  health(): Promise<EngineHealth>;
}

/** An engine that takes private keys made elsewhere. */
export interface ImportingEngine extends Engine {
  /** `pkcs8` is DER, already checked for strength and consistency; it stays the caller's to wipe. */
  importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey>;
}

/** Whether the engine takes private keys made elsewhere. */
export const canImport = (engine: Engine): engine is ImportingEngine => 'importKey' in engine;
