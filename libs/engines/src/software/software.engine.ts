import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import {
  checkSignatureInput,
  fingerprintOf,
  fits,
  hasNativeOpenSsl,
  lowSDer,
  runtimeKeySpecs,
  type KeySpec,
  type SealBinding,
  type Sealer,
  type SignatureRow,
} from '#crypto';
import { AppError, type SecretBytes } from '#kernel';
import type {
  EngineDescription,
  EngineHealth,
  EngineKey,
  EngineKeyRef,
  ImportingEngine,
  SignInput,
  StoredEngineKey,
} from '../engine.js';
import { KeyCache } from './key-cache.js';
import { generateKey } from './key-generation.js';
import { LoadedKey } from './loaded-key.js';
import { signDigest, signMessage } from './software-signing.js';

export interface SoftwareEngineOptions {
  /** Most decrypted keys held in memory. */
  readonly cachedKeys?: number;
  /** How long a decrypted key is held, used or not. */
  readonly cacheTtlMs?: number;
}

const bindingOf = ({ tenantId, keyId }: EngineKeyRef, fingerprint: string): SealBinding => ({
  tenantId,
  purpose: 'private-key',
  objectId: keyId,
  version: 1,
  fingerprint,
});

/** Private keys sealed under their tenant's key, used inside this process by OpenSSL. The handle is the sealed key. */
export class SoftwareEngine implements ImportingEngine {
  readonly #cache: KeyCache;

  constructor(
    private readonly id: string,
    private readonly sealer: Sealer,
    options: SoftwareEngineOptions = {},
  ) {
    this.#cache = new KeyCache({
      max: options.cachedKeys ?? 2_000,
      ttlMs: options.cacheTtlMs ?? 10 * 60_000,
    });
  }

  describe(): EngineDescription {
    return {
      id: this.id,
      type: 'SOFTWARE',
      securityLevel: 0,
      provider: 'OpenSSL',
      name: 'Software',
      metadata: {},
      keySpecs: runtimeKeySpecs(),
      importSpecs: runtimeKeySpecs(),
      capabilities: [
        ...(['generate', 'import', 'sign', 'pss-salt'] as const),
        ...(hasNativeOpenSsl() ? (['sign-digest'] as const) : []),
      ],
    };
  }

  /** OpenSSL is in this process, and reached already. */
  async connect(): Promise<void> {}

  offers(spec: KeySpec, row: SignatureRow): boolean {
    return fits(row, spec);
  }

  async generate(ref: EngineKeyRef, spec: KeySpec): Promise<EngineKey> {
    if (!runtimeKeySpecs().includes(spec)) throw unsupported(spec);
    const { pkcs8, spki } = await generateKey(ref.tenantId, spec);
    try {
      return await this.#seal(ref, pkcs8, spki);
    } finally {
      pkcs8.wipe();
    }
  }

  async importKey(ref: EngineKeyRef, spec: KeySpec, pkcs8: SecretBytes): Promise<EngineKey> {
    if (!runtimeKeySpecs().includes(spec)) throw unsupported(spec);
    const key = createPrivateKey({ key: pkcs8.expose('import a key'), format: 'der', type: 'pkcs8' });
    return this.#seal(ref, pkcs8, createPublicKey(key).export({ type: 'spki', format: 'der' }));
  }

  async sign(key: StoredEngineKey, input: SignInput): Promise<Buffer> {
    const { spec } = key;
    checkSignatureInput(spec, input);
    const loaded = this.#cached(key) ?? (await this.#load(key));
    const made = (input.type === 'raw' ? signMessage : signDigest)(loaded, spec, input);
    const signature = Buffer.isBuffer(made) ? made : await made;
    return input.row.lowS && spec.order !== undefined ? lowSDer(signature, spec.order) : signature;
  }

  /** The sealed key is its caller's; without it, and out of memory, the key is gone. */
  async destroy(key: StoredEngineKey): Promise<void> {
    this.evict(key);
  }

  evict(ref: EngineKeyRef): void {
    this.#cache.evict(ref);
  }

  /** Signs and verifies with a key of its own. */
  async health(): Promise<EngineHealth> {
    const start = performance.now();
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const probe = Buffer.from('health');
    const sound = verify(null, probe, publicKey, sign(null, probe, privateKey));
    return { status: sound ? 'ok' : 'down', latencyMs: performance.now() - start };
  }

  /** Decrypted keys go with it. */
  async close(): Promise<void> {
    this.#cache.clear();
  }

  async #seal(ref: EngineKeyRef, pkcs8: SecretBytes, spki: Buffer): Promise<EngineKey> {
    return { spki, handle: await this.sealer.seal(bindingOf(ref, fingerprintOf(spki)), pkcs8) };
  }

  #cached(key: StoredEngineKey): LoadedKey | undefined {
    const cached = this.#cache.peek(key);
    return cached && requireSame(cached, key);
  }

  async #load(key: StoredEngineKey): Promise<LoadedKey> {
    const loaded = await this.#cache.get(key, async () => {
      const pkcs8 = await this.sealer.unseal(bindingOf(key, key.fingerprint), key.handle);
      return LoadedKey.open(pkcs8, key.spki, key.fingerprint);
    });
    return requireSame(loaded, key);
  }
}

function requireSame(loaded: LoadedKey, { fingerprint }: StoredEngineKey): LoadedKey {
  if (loaded.fingerprint === fingerprint) return loaded;
  throw new AppError('internal', { cause: new Error('two keys came under one id') });
}

const unsupported = ({ algorithm, size }: KeySpec): AppError =>
  new AppError('unsupported_by_engine', { detail: `this engine does not hold keys of ${algorithm} ${size}` });
