import type { KeySpec, OaepHash, SignatureRow } from '#crypto';
import type { SecretBytes } from '#kernel';

export type EngineType = 'SOFTWARE' | 'PKCS11' | 'AWS_KMS';

/** A capability that an engine has or has not; shown by GET /engines. */
export type EngineCapability =
  | 'generate'
  | 'import'
  | 'sign'
  /** Takes digests, and never hashes them again. */
  | 'sign-digest'
  /** Takes other salts for RSASSA-PSS than those as long as the digest. */
  | 'pss-salt';

/** What an engine is, and what it can do as far as it knows: a device tells once it was reached. */
export interface EngineDescription {
  readonly id: string;
  readonly type: EngineType;
  readonly securityLevel: 0 | 1 | 2;
  readonly provider: string;
  readonly name: string;
  /** For operators to read; no secrets. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The key specs this engine makes, found at run time. */
  readonly keySpecs: readonly KeySpec[];
  /** Those that it takes from elsewhere; empty where it takes none. */
  readonly importSpecs: readonly KeySpec[];
  readonly capabilities: readonly EngineCapability[];
}

export interface EngineHealth {
  readonly status: 'ok' | 'down';
  readonly latencyMs: number;
  /** Why it is down, for operators; no secrets. */
  readonly reason?: string;
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
  /** What the device says of how it guards the key, read back from it; goes into the audit log. */
  readonly evidence?: Readonly<Record<string, string | number | boolean>>;
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
 * A crypto engine. All throw `AppError`: `unsupported_by_engine` where the device cannot, `unavailable`, with
 * `retryAfterS`, where it cannot be reached or did not answer in time, `key_state` where the device itself does not let
 * the key be used, or no longer has it. Signatures are DER for ECDSA, as made otherwise, and were verified with the
 * public key where the engine is not this process itself.
 */
export interface Engine {
  /**
   * Reaches the device and learns what it can do, with credentials that it refused before only if asked `anew`. Throws
   * `validation_failed` with the path of the setting that the
   * device refuses (`config.region`, `secrets.pin`), and `unavailable` where it cannot be reached: then the engine goes
   * on trying whenever it is used.
   */
  connect(how?: { readonly anew?: boolean }): Promise<void>;
  describe(): EngineDescription;
  /** Whether it can sign by `row` with keys of `spec`; where not, `sign` throws `unsupported_by_engine`. */
  offers(spec: KeySpec, row: SignatureRow): boolean;
  /** What fails may all the same have been done by a device that did not answer: see `KeepingEngine`. */
  generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey>;
  sign(key: StoredEngineKey, input: SignInput): Promise<Buffer>;
  /** Destroys the private key. Succeeds when it is gone already. */
  destroy(key: StoredEngineKey): Promise<void>;
  /** Drops whatever of this key is held in memory. */
  evict(ref: EngineKeyRef): void;
  /** Resolves in bounded time, and does not throw for a device that is away. */
  health(): Promise<EngineHealth>;
  /** Lets go of the device; work under way fails with `unavailable`. */
  close(): Promise<void>;
}

/** An engine that takes private keys made elsewhere. */
export interface ImportingEngine extends Engine {
  /** `pkcs8` is DER, already checked for strength and consistency; it stays the caller's to wipe. */
  importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey>;
}

/** Whether the engine takes private keys made elsewhere. */
export const canImport = (engine: Engine): engine is ImportingEngine => 'importKey' in engine;

/** A key that a device holds, Claviger's own or not. */
export interface HeldKey {
  /** The device's own name for it: hex of CKA_ID, an ARN. */
  readonly objectId: string;
  /** Whose it is, where it was made by Claviger. */
  readonly ref: EngineKeyRef | undefined;
  /** What people call it there. */
  readonly label: string;
  /** Absent where it is of no kind that Claviger knows. */
  readonly spec: KeySpec | undefined;
}

/** An engine whose keys live outside of Claviger's database: an interrupted creation can leave one behind. */
export interface KeepingEngine extends Engine {
  /** What a `generate` or `importKey` for this reference made, whatever became of the call. */
  find(ref: EngineKeyRef): Promise<EngineKey | undefined>;
  /** Destroys all that was made for this reference, finished or not. Succeeds where there is nothing. */
  discard(ref: EngineKeyRef): Promise<void>;
  /** The `objectId` that `inventory` gives for a stored key. Throws `internal` for a handle that is not its key's. */
  heldAs(key: EngineKeyRef & Pick<EngineKey, 'handle'>): string;
  /** All keys that sign, page by page. */
  inventory(): AsyncIterable<HeldKey>;
  /**
   * Takes over a key that lives there already, by its `objectId`. Throws `not_found`, also for one that Claviger made for
   * another tenant.
   */
  adopt(ref: EngineKeyRef, objectId: string): Promise<EngineKey & { readonly spec: KeySpec }>;
}

/** Whether the engine's keys live outside of Claviger's database. */
export const keepsKeys = (engine: Engine): engine is KeepingEngine => 'discard' in engine;

/** A private key under a wrapping key of the device: RSA-OAEP of an AES-256 key, and AES-KWP (RFC 5649) of its PKCS#8. */
export interface WrappedKey {
  /** What the wrapping key was made for. */
  readonly under: EngineKeyRef;
  readonly hash: OaepHash;
  readonly bytes: Buffer;
  /** Its public half, in the one encoding; RSA needs none, for a device that has the private key tells its modulus. */
  readonly spki?: Buffer;
}

/** An engine whose device opens wrapped private keys itself: they are in clear nowhere else. */
export interface UnwrappingEngine extends KeepingEngine {
  /** With which hash it takes keys of that kind wrapped; undefined where it does not take them. The device is asked. */
  findWrapping(spec: KeySpec): Promise<OaepHash | undefined>;
  /** Makes an RSA-4096 pair that opens wrapped keys and does nothing else, until `discard`. Gives SPKI, DER. */
  makeWrappingKey(ref: EngineKeyRef): Promise<Buffer>;
  /**
   * The key has signed by its public half when this resolves, and is not there when it throws: `invalid_key_material`,
   * one and the same, whatever is wrong with what was wrapped.
   */
  unwrapKey(ref: EngineKeyRef, spec: KeySpec, wrapped: WrappedKey): Promise<EngineKey>;
}

/** Whether the engine's device opens wrapped private keys, of some kind. */
export const canUnwrap = (engine: Engine): engine is UnwrappingEngine => 'unwrapKey' in engine;
