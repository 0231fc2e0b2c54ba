import type { AuditLog } from '#audit';
import { spkiToPem, type KeySpec, type OaepHash, type Sealer } from '#crypto';
import type { Database, Transaction } from '#database';
import {
  canImport,
  canUnwrap,
  generateWrappingKey,
  type Engine,
  type EngineRegistry,
  type UnwrappingEngine,
} from '#engines';
import { AppError, newRequestId, type RequestContext } from '#kernel';
import {
  countOpenTokens,
  insertToken,
  MAX_OPEN_TOKENS,
  TOKEN_LIFE_HOURS,
  WRAPPING_KEY_LIFE_S,
  wrappingKeyBinding,
  type NewImportToken,
} from './import-token.repository.js';
import type { KeyMaking } from './key-making.js';
import { refuseNarrowed } from './key-visibility.js';
import { chooseSpec, reached, requireSpec } from './spec-choice.js';

/** What a caller wraps a private key under, so that it crosses the wire in no other form. */
export interface ImportKeyView {
  import_token: string;
  engine_id: string;
  /** Base64 of the PEM text of an RSA-4096 public key. */
  wrapping_key: string;
  wrapping_algorithm: 'RSA_AES_KEY_WRAP_SHA_1' | 'RSA_AES_KEY_WRAP_SHA_256';
  /** Where the key is in clear again for a moment. */
  unwrapped_in: 'engine' | 'service';
  expires_ts: string;
}

/** The kind of the key to come. */
export interface KeyKind {
  readonly algorithm: string;
  readonly size?: number | undefined;
}

/** A token about to be opened. */
interface Opening {
  readonly tenantId: string;
  readonly tokenId: string;
  readonly engineId: string;
  readonly spec?: KeySpec | undefined;
}

interface Opened {
  readonly spki: Buffer;
  readonly expires: Date;
}

/** One-time keys to wrap private keys under, made where those are to be opened. */
export class ImportTokenService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly making: KeyMaking,
    private readonly sealer: Sealer,
    private readonly audit: AuditLog,
  ) {}

  /**
   * The wrapping key is one of the engine's own where the kind of the key to come was named and its device opens such
   * keys. Throws `not_found` for an engine, `validation_failed`, `unsupported_by_engine`, `unavailable`, and
   * `rate_limited` beyond five open ones of the tenant.
   */
  async open(ctx: RequestContext, engineId: string, kind?: KeyKind): Promise<ImportKeyView> {
    refuseNarrowed(ctx);
    const { tenantId } = ctx;
    const engine = this.engines.list(tenantId).find((one) => one.describe().id === engineId);
    if (!engine) throw new AppError('not_found', { detail: 'There is no such engine.' });
    if (!canImport(engine)) {
      throw new AppError('unsupported_by_engine', { detail: 'This engine does not take private keys.' });
    }
    const spec = kind && (await specOf(engine, kind));
    // Before anything is made; whoever opens others at the same time is refused when it is stored.
    if ((await this.database.transaction(ctx, (tx) => countOpenTokens(tx, tenantId))) >= MAX_OPEN_TOKENS) {
      throw tooMany();
    }
    const opening = { tenantId, tokenId: `imp-${newRequestId()}`, engineId, spec };
    const hash = spec && canUnwrap(engine) ? await engine.findWrapping(spec) : undefined;
    const { spki, expires } =
      spec && hash && canUnwrap(engine)
        ? await this.#inEngine(ctx, engine, { ...opening, spec, hash })
        : await this.#inService(ctx, opening);
    return {
      import_token: opening.tokenId,
      engine_id: engineId,
      wrapping_key: Buffer.from(spkiToPem(spki)).toString('base64'),
      wrapping_algorithm: hash === 'sha1' ? 'RSA_AES_KEY_WRAP_SHA_1' : 'RSA_AES_KEY_WRAP_SHA_256',
      unwrapped_in: hash ? 'engine' : 'service',
      expires_ts: expires.toISOString(),
    };
  }

  /** The intent of its making is kept: by it the pair is discarded, whatever becomes of the token and of this process. */
  #inEngine(
    ctx: RequestContext,
    engine: UnwrappingEngine,
    token: Opening & { readonly spec: KeySpec; readonly hash: OaepHash },
  ): Promise<Opened> {
    const { tenantId, tokenId: keyId } = token;
    return this.making.run(ctx, {
      engine,
      keyId,
      lifeS: WRAPPING_KEY_LIFE_S,
      make: async () => ({ spki: await engine.makeWrappingKey({ tenantId, keyId }) }),
      store: async (tx, { spki }) => ({ spki, expires: await this.#store(tx, ctx, token) }),
    });
  }

  async #inService(ctx: RequestContext, opening: Opening): Promise<Opened> {
    const { pkcs8, spki } = await generateWrappingKey(ctx.tenantId);
    try {
      const wrappingKey = await this.sealer.seal(wrappingKeyBinding(ctx.tenantId, opening.tokenId), pkcs8);
      const expires = await this.database.transaction(ctx, (tx) =>
        this.#store(tx, ctx, { ...opening, wrappingKey }),
      );
      return { spki, expires };
    } finally {
      pkcs8.wipe();
    }
  }

  async #store(tx: Transaction, ctx: RequestContext, token: NewImportToken): Promise<Date> {
    const expires = await insertToken(tx, token);
    if (!expires) throw tooMany();
    const detail = {
      engine_id: token.engineId,
      import_token: token.tokenId,
      unwrapped_in: token.wrappingKey ? 'service' : 'engine',
    };
    await this.audit.appendIn(tx, ctx, ctx.tenantId, {
      action: 'kms.import.open',
      outcome: 'success',
      detail,
    });
    return expires;
  }
}

async function specOf(engine: Engine, kind: KeyKind): Promise<KeySpec> {
  const { algorithm, size } = chooseSpec(kind.algorithm, kind.size);
  return requireSpec((await reached(engine)).importSpecs, algorithm, size);
}

const tooMany = (): AppError =>
  new AppError('rate_limited', {
    detail: `At most ${MAX_OPEN_TOKENS} import tokens of a tenant can be open; each ends after ${TOKEN_LIFE_HOURS} hours.`,
    retryAfterS: 60,
  });
