import type { AuditLog } from '#audit';
import {
  KEY_ALGORITHMS,
  KEY_SPECS,
  parsePrivateKey,
  parsePublicKey,
  fingerprintOf,
  type KeySpec,
} from '#crypto';
import type { Database } from '#database';
import { canImport, type Engine, type EngineRegistry } from '#engines';
import { AppError, newKeyId, type RequestContext } from '#kernel';
import { refuseNarrowed } from './key-visibility.js';
import { viewKey, type KeyView } from './key-view.js';
import { insertKey, type NewKey } from './key.repository.js';
import type { KeyOrigin, Metadata } from './key.entity.js';

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
}

type Material = Pick<NewKey, 'keyId' | 'algorithm' | 'size' | 'spki' | 'fingerprint' | 'hasPrivateKey'>;

/** Brings keys into being: made by an engine, or imported. */
export class KeyCreationService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly audit: AuditLog,
  ) {}

  /** `keyId` is chosen beforehand by who may try again. Throws `validation_failed`, `unsupported_by_engine`, `forbidden`. */
  async create(ctx: RequestContext, input: CreateKeyInput, keyId = newKeyId()): Promise<KeyView> {
    const spec = chooseSpec(input.algorithm, input.size);
    refuseNarrowed(ctx);
    const engine = this.engines.get(input.engineId);
    requireSpec(engine, spec);
    const made = await engine.generate({ tenantId: ctx.tenantId, keyId }, spec);
    const material = {
      keyId,
      algorithm: spec.algorithm,
      size: spec.size,
      spki: made.spki,
      fingerprint: fingerprintOf(made.spki),
      hasPrivateKey: true,
    };
    return this.#store(ctx, input, engine, 'generated', material, made.handle);
  }

  /** Throws `invalid_key_material`, `key_exists`, `unsupported_by_engine`, `forbidden`. */
  async import(ctx: RequestContext, input: ImportKeyInput, keyId = newKeyId()): Promise<KeyView> {
    refuseNarrowed(ctx);
    const engine = this.engines.get(input.engineId);
    if (input.publicKey) {
      const { spki, spec, fingerprint } = parsePublicKey(input.publicKey);
      const material = {
        keyId,
        algorithm: spec.algorithm,
        size: spec.size,
        spki,
        fingerprint,
        hasPrivateKey: false,
      };
      return this.#store(ctx, input, engine, 'imported', material, undefined);
    }
    if (!canImport(engine)) {
      throw new AppError('unsupported_by_engine', { detail: 'This engine does not take private keys.' });
    }
    const parsed = await parsePrivateKey(ctx.tenantId, input.privateKey ?? Buffer.alloc(0), input.passphrase);
    try {
      requireSpec(engine, parsed.spec);
      const taken = await engine.importKey({ tenantId: ctx.tenantId, keyId }, parsed.spec, parsed.pkcs8);
      const { algorithm, size } = parsed.spec;
      const material = {
        keyId,
        algorithm,
        size,
        spki: taken.spki,
        fingerprint: parsed.fingerprint,
        hasPrivateKey: true,
      };
      return await this.#store(ctx, input, engine, 'imported', material, taken.handle);
    } finally {
      parsed.pkcs8.wipe();
    }
  }

  #store(
    ctx: RequestContext,
    input: KeyDescription,
    engine: Engine,
    origin: KeyOrigin,
    material: Material,
    handle: Buffer | undefined,
  ): Promise<KeyView> {
    const engineId = engine.describe().id;
    return this.database.transaction(ctx, async (tx) => {
      const key = await insertKey(
        tx,
        ctx,
        {
          ...material,
          tenantId: ctx.tenantId,
          name: input.name,
          engineId,
          origin,
          aliases: [],
          tags: [...new Set(input.tags ?? [])],
          metadata: input.metadata ?? {},
          rotatedFrom: null,
        },
        handle,
      );
      await this.audit.appendIn(tx, ctx, ctx.tenantId, {
        action: origin === 'generated' ? 'kms.key.create' : 'kms.key.import',
        outcome: 'success',
        keyId: key.keyId,
        detail: {
          algorithm: key.algorithm,
          size: key.size,
          engine_id: engineId,
          fingerprint: key.fingerprint,
        },
      });
      return viewKey(key);
    });
  }
}

function chooseSpec(algorithm: string, size: number | undefined): KeySpec {
  const fail = (path: string, message: string): AppError =>
    new AppError('validation_failed', { detail: `${path} ${message}.`, errors: [{ path, message }] });
  if (!(KEY_ALGORITHMS as readonly string[]).includes(algorithm)) {
    throw fail('algorithm', `must be one of ${KEY_ALGORITHMS.join(', ')}`);
  }
  const asked = size ?? undefined;
  const [spec, another] = KEY_SPECS.filter(
    (one) => one.algorithm === algorithm && (asked === undefined || one.size === asked),
  );
  // Kinds of one size only need not be told it.
  if (spec && !another) return spec;
  throw fail('size', asked === undefined ? `is required for ${algorithm}` : `does not fit ${algorithm}`);
}

function requireSpec(engine: Engine, spec: KeySpec): void {
  const offered = engine.describe().keySpecs;
  if (offered.some((one) => one.algorithm === spec.algorithm && one.size === spec.size)) return;
  const detail =
    spec.algorithm === 'ML_DSA'
      ? 'This engine does not offer ML_DSA: the Node.js runtime it stands on lacks it (Node 24 or newer has it).'
      : `This engine does not offer ${spec.algorithm} ${spec.size}.`;
  throw new AppError('unsupported_by_engine', { detail });
}
