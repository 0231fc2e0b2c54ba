import type { AuditLog } from '#audit';
import { parsePrivateKey, parsePublicKey, fingerprintOf, type KeySpec, type ParsedPrivateKey } from '#crypto';
import type { Database, Transaction } from '#database';
import {
  canImport,
  type Engine,
  type EngineKey,
  type EngineKeyRef,
  type EngineRegistry,
  type ImportingEngine,
} from '#engines';
import { AppError, newKeyId, type RequestContext, type SecretBytes } from '#kernel';
import { refuseNarrowed } from './key-visibility.js';
import { viewKey, type KeyView } from './key-view.js';
import type { KeyMaking } from './key-making.js';
import { insertKey, refuseKnownKey, type NewKey } from './key.repository.js';
import type { KeyOrigin, Metadata } from './key.entity.js';
import { chooseSpec, reached, requireSpec } from './spec-choice.js';

/** What describes a key and is chosen by its owner. */
export interface KeyDescription {
  readonly name: string;
  readonly tags?: readonly string[];
  readonly metadata?: Metadata;
  readonly engineId?: string;
}

export interface CreateKeyInput extends KeyDescription {
  readonly algorithm: string;
  readonly size?: number;
}

export interface ImportKeyInput extends KeyDescription {
  /** PEM or DER; exactly one of the two is present. */
  readonly privateKey?: Buffer;
  readonly publicKey?: Buffer;
  readonly passphrase?: string;
  /** What was said of the private key beforehand. */
  readonly announced?: Announced;
}

export interface Announced {
  readonly spec?: KeySpec | undefined;
  /** SHA-256 of the SPKI, hex. */
  readonly fingerprint?: string | undefined;
}

/** A private key that an engine takes to itself. */
export interface Taking {
  readonly engine: Engine;
  readonly spec: KeySpec;
  /** SHA-256 of the SPKI, hex, where that is known beforehand. */
  readonly fingerprint?: string | undefined;
  /** What it leaves behind when it fails is discarded. */
  readonly take: (ref: EngineKeyRef) => Promise<EngineKey>;
}

type Confirm = (tx: Transaction) => Promise<void>;

/** What is known of a key beside what its owner chose. */
interface Material extends Pick<NewKey, 'keyId' | 'algorithm' | 'size' | 'hasPrivateKey'> {
  readonly origin: KeyOrigin;
}

/** Brings keys into being: made by an engine, or imported. */
export class KeyCreationService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly making: KeyMaking,
    private readonly audit: AuditLog,
  ) {}

  /**
   * `keyId` is chosen beforehand by who may try again. Throws `validation_failed`, `unsupported_by_engine`, `forbidden`,
   * `unavailable`.
   */
  async create(ctx: RequestContext, input: CreateKeyInput, keyId = newKeyId()): Promise<KeyView> {
    const { engine, spec } = await this.#plan(ctx, input);
    const { algorithm, size } = spec;
    const material: Material = { keyId, algorithm, size, hasPrivateKey: true, origin: 'generated' };
    const make = (): Promise<EngineKey> => engine.generate({ tenantId: ctx.tenantId, keyId }, spec);
    return this.#bringIntoBeing(ctx, input, engine, material, make);
  }

  /**
   * `confirm` runs in the transaction that stores the key, and undoes it by throwing. Throws `invalid_key_material`,
   * `key_exists`, `unsupported_by_engine`, `forbidden`, `unavailable`.
   */
  async import(
    ctx: RequestContext,
    input: ImportKeyInput,
    keyId = newKeyId(),
    confirm: Confirm = async () => undefined,
  ): Promise<KeyView> {
    refuseNarrowed(ctx);
    if (input.publicKey) {
      const engine = this.engines.get(ctx.tenantId, input.engineId);
      const { spki, spec } = parsePublicKey(input.publicKey);
      const { algorithm, size } = spec;
      const material: Material = { keyId, algorithm, size, hasPrivateKey: false, origin: 'imported' };
      return this.#bringIntoBeing(ctx, input, engine, material, async () => ({ spki }));
    }
    const { engine, parsed, spec } = await this.#planImport(ctx, input);
    try {
      const { fingerprint, pkcs8 } = parsed;
      const take = async (ref: EngineKeyRef): Promise<EngineKey> => {
        const taken = await engine.importKey(ref, spec, pkcs8);
        if (fingerprintOf(taken.spki) === fingerprint) return taken;
        throw new AppError('unavailable', {
          detail: 'The engine took another key than it was given.',
          retryAfterS: 60,
        });
      };
      return await this.take(ctx, input, { engine, spec, fingerprint, take }, keyId, confirm);
    } finally {
      parsed.pkcs8.wipe();
    }
  }

  /** Stores a key that an engine takes from elsewhere, or undoes that. Throws as `import`, and what `take` throws. */
  async take(
    ctx: RequestContext,
    input: KeyDescription,
    { engine, spec: { algorithm, size }, fingerprint, take }: Taking,
    keyId = newKeyId(),
    confirm: Confirm = async () => undefined,
  ): Promise<KeyView> {
    refuseNarrowed(ctx);
    if (fingerprint !== undefined) await this.#refuseKnown(ctx, fingerprint);
    const material: Material = { keyId, algorithm, size, hasPrivateKey: true, origin: 'imported' };
    const make = (): Promise<EngineKey> => take({ tenantId: ctx.tenantId, keyId });
    return this.#bringIntoBeing(ctx, input, engine, material, make, confirm);
  }

  /** Throws what `create` would throw for its input, and makes nothing. */
  async check(ctx: RequestContext, input: CreateKeyInput): Promise<void> {
    await this.#plan(ctx, input);
  }

  /**
   * Throws what `import` would throw for its input, and makes nothing. Gives a private key as it was read, the caller's to
   * wipe.
   */
  async checkImport(ctx: RequestContext, input: ImportKeyInput): Promise<SecretBytes | undefined> {
    refuseNarrowed(ctx);
    if (input.publicKey) {
      this.engines.get(ctx.tenantId, input.engineId);
      await this.#refuseKnown(ctx, fingerprintOf(parsePublicKey(input.publicKey).spki));
      return undefined;
    }
    const { fingerprint, pkcs8 } = (await this.#planImport(ctx, input)).parsed;
    try {
      await this.#refuseKnown(ctx, fingerprint);
      return pkcs8;
    } catch (error) {
      pkcs8.wipe();
      throw error;
    }
  }

  /** Reads a private key and finds that it can be taken; what was read is the caller's to wipe. */
  async #planImport(
    ctx: RequestContext,
    { engineId, privateKey = Buffer.alloc(0), passphrase, announced }: ImportKeyInput,
  ): Promise<{ engine: ImportingEngine; parsed: ParsedPrivateKey; spec: KeySpec }> {
    const engine = this.engines.get(ctx.tenantId, engineId);
    if (!canImport(engine)) {
      throw new AppError('unsupported_by_engine', { detail: 'This engine does not take private keys.' });
    }
    const parsed = await parsePrivateKey(ctx.tenantId, privateKey, passphrase);
    try {
      const { spec: kind = parsed.spec, fingerprint = parsed.fingerprint } = announced ?? {};
      if (kind !== parsed.spec || fingerprint !== parsed.fingerprint) throw anotherKey();
      return {
        engine,
        parsed,
        spec: requireSpec((await reached(engine)).importSpecs, kind.algorithm, kind.size),
      };
    } catch (error) {
      parsed.pkcs8.wipe();
      throw error;
    }
  }

  async #plan(ctx: RequestContext, input: CreateKeyInput): Promise<{ engine: Engine; spec: KeySpec }> {
    const { algorithm, size } = chooseSpec(input.algorithm, input.size);
    refuseNarrowed(ctx);
    const engine = this.engines.get(ctx.tenantId, input.engineId);
    return { engine, spec: requireSpec((await reached(engine)).keySpecs, algorithm, size) };
  }

  /** Before a device is troubled; the index decides in the end. */
  #refuseKnown(ctx: RequestContext, fingerprint: string): Promise<void> {
    return this.database.transaction(ctx, (tx) => refuseKnownKey(tx, ctx, fingerprint), { readOnly: true });
  }

  #bringIntoBeing(
    ctx: RequestContext,
    input: KeyDescription,
    engine: Engine,
    material: Material,
    make: () => Promise<MadeKey>,
    confirm: Confirm = async () => undefined,
  ): Promise<KeyView> {
    const { keyId } = material;
    return this.making.run(ctx, {
      engine,
      keyId,
      make,
      store: async (tx, made) => {
        await confirm(tx);
        return this.#store(tx, ctx, input, { ...material, ...made, engineId: engine.describe().id });
      },
    });
  }

  async #store(
    tx: Transaction,
    ctx: RequestContext,
    { name, tags = [], metadata = {} }: KeyDescription,
    { handle, evidence, ...material }: Material & MadeKey & { readonly engineId: string },
  ): Promise<KeyView> {
    const { origin, engineId } = material;
    const fingerprint = fingerprintOf(material.spki);
    const described = { name, tags: [...new Set(tags)], metadata, aliases: [], rotatedFrom: null };
    const owned = { ...material, ...described, fingerprint, tenantId: ctx.tenantId };
    const key = await insertKey(tx, ctx, owned, handle);
    await this.audit.appendIn(tx, ctx, ctx.tenantId, {
      action: origin === 'generated' ? 'kms.key.create' : 'kms.key.import',
      outcome: 'success',
      keyId: key.keyId,
      detail: {
        algorithm: key.algorithm,
        size: key.size,
        engine_id: engineId,
        fingerprint,
        ...(evidence && { evidence }),
      },
    });
    return viewKey(key);
  }
}

/** A key as an engine made it; a key that only verifies has no handle. */
type MadeKey = Pick<EngineKey, 'spki' | 'evidence'> & Partial<Pick<EngineKey, 'handle'>>;

/** Of a key that is sound, but not what was said of it. */
export const anotherKey = (): AppError =>
  new AppError('invalid_key_material', { detail: 'the private key is another one than was announced' });
