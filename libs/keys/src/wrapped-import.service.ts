import type { AuditLog } from '#audit';
import { spkiToPem, splitWrappedKey, unwrapPrivateKey, type SealBinding, type Sealer } from '#crypto';
import type { Database, Transaction } from '#database';
import { canImport, generateWrappingKey, type EngineRegistry } from '#engines';
import { AppError, invalidMember, newRequestId, type RequestContext, type SecretBytes } from '#kernel';
import {
  claimToken,
  countOpenTokens,
  findToken,
  giveTokenBack,
  insertToken,
  MAX_OPEN_TOKENS,
  TOKEN_LIFE_HOURS,
  useUpToken,
} from './import-token.repository.js';
import type { ImportKeyInput, KeyCreationService, KeyDescription } from './key-creation.service.js';
import { refuseNarrowed } from './key-visibility.js';
import type { KeyView } from './key-view.js';

/** What a caller wraps a private key under, so that it crosses the wire in no other form. */
export interface ImportKeyView {
  import_token: string;
  engine_id: string;
  /** Base64 of the PEM text of an RSA-4096 public key. */
  wrapping_key: string;
  wrapping_algorithm: 'RSA_AES_KEY_WRAP_SHA_256';
  /** Where the key is in clear again for a moment. */
  unwrapped_in: 'service';
  expires_ts: string;
}

export interface WrappedImportInput extends KeyDescription {
  readonly importToken: string;
  /** RSA-OAEP with SHA-256 of an AES-256 key, and behind it AES-KWP (RFC 5649) of the PKCS#8. */
  readonly wrappedKey: Buffer;
}

/** Of wrapping keys, which are RSA-4096. */
const WRAPPING_BYTES = 512;

const bindingOf = (tenantId: string, tokenId: string): SealBinding => ({
  tenantId,
  purpose: 'import-wrapping-key',
  objectId: tokenId,
  version: 1,
});

/** Imports whose private key never crosses the wire in clear. A wrapping key is good for one key, once. */
export class WrappedImportService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly creation: KeyCreationService,
    private readonly sealer: Sealer,
    private readonly audit: AuditLog,
  ) {}

  /** Throws `not_found` for an engine, `unsupported_by_engine`, and `rate_limited` beyond five open ones of the tenant. */
  async open(ctx: RequestContext, engineId: string): Promise<ImportKeyView> {
    refuseNarrowed(ctx);
    const engine = this.engines.list(ctx.tenantId).find((one) => one.describe().id === engineId);
    if (!engine) throw new AppError('not_found', { detail: 'There is no such engine.' });
    if (!canImport(engine)) {
      throw takesNone();
    }
    const { tenantId } = ctx;
    if ((await this.database.transaction(ctx, (tx) => countOpenTokens(tx, tenantId))) >= MAX_OPEN_TOKENS) {
      throw tooMany();
    }
    const { pkcs8, spki } = await generateWrappingKey(tenantId);
    try {
      const tokenId = `imp-${newRequestId()}`;
      const wrappingKey = await this.sealer.seal(bindingOf(tenantId, tokenId), pkcs8);
      const expires = await this.database.transaction(ctx, async (tx) => {
        const expiresTs = await insertToken(tx, { tenantId, tokenId, engineId, wrappingKey });
        if (!expiresTs) throw tooMany();
        const detail = { engine_id: engineId, import_token: tokenId };
        await this.audit.appendIn(tx, ctx, tenantId, {
          action: 'kms.import.open',
          outcome: 'success',
          detail,
        });
        return expiresTs;
      });
      return {
        import_token: tokenId,
        engine_id: engineId,
        wrapping_key: Buffer.from(spkiToPem(spki)).toString('base64'),
        wrapping_algorithm: 'RSA_AES_KEY_WRAP_SHA_256',
        unwrapped_in: 'service',
        expires_ts: expires.toISOString(),
      };
    } finally {
      pkcs8.wipe();
    }
  }

  /** Throws what `import` would throw for its input, but for what only unwrapping shows, and uses nothing up. */
  async check(ctx: RequestContext, { importToken, wrappedKey, engineId }: WrappedImportInput): Promise<void> {
    refuseNarrowed(ctx);
    const { tenantId } = ctx;
    const find = { readOnly: true };
    const token = await this.database.transaction(ctx, (tx) => findToken(tx, tenantId, importToken), find);
    if (!token || token.isInUse) throw unusable('is unknown, expired, used up or in use');
    if (engineId !== undefined && engineId !== token.engineId) throw unusable('is for another engine');
    splitWrappedKey(wrappedKey, WRAPPING_BYTES);
    if (!canImport(this.engines.get(tenantId, token.engineId))) throw takesNone();
  }

  /** Whether an import has the token at the moment, and may yet give it back. */
  async isInUse(ctx: RequestContext, importToken: string): Promise<boolean> {
    const find = { readOnly: true };
    const token = await this.database.transaction(
      ctx,
      (tx) => findToken(tx, ctx.tenantId, importToken),
      find,
    );
    return token?.isInUse ?? false;
  }

  /**
   * Throws as `KeyCreationService.import`, `validation_failed` where the token cannot be used, and `invalid_key_material`,
   * one and the same, where the key does not unwrap.
   */
  async import(
    ctx: RequestContext,
    { importToken, wrappedKey, ...input }: WrappedImportInput,
    keyId?: string,
  ): Promise<KeyView> {
    refuseNarrowed(ctx);
    const { tenantId } = ctx;
    const token = await this.database.transaction(ctx, (tx) => claimToken(tx, tenantId, importToken));
    if (!token) throw unusable('is unknown, expired, used up or in use');
    try {
      if (input.engineId !== undefined && input.engineId !== token.engineId) {
        throw unusable('is for another engine');
      }
      const wrappingKey = await this.sealer.unseal(bindingOf(tenantId, importToken), token.wrappingKey);
      const pkcs8 = unwrapAndWipe(wrappingKey, wrappedKey);
      try {
        const privateKey = pkcs8.expose('import an unwrapped key');
        const wrapped: ImportKeyInput = { ...input, engineId: token.engineId, privateKey };
        return await this.creation.import(ctx, wrapped, keyId, (tx) => useUp(tx, tenantId, importToken));
      } finally {
        pkcs8.wipe();
      }
    } catch (error) {
      const wasCallersFault = error instanceof AppError && error.row.status < 500;
      await this.database.transaction(ctx, (tx) => giveTokenBack(tx, tenantId, importToken, wasCallersFault));
      throw error;
    }
  }
}

/** The wrapping key is wiped whether it fits or not. */
function unwrapAndWipe(wrappingKey: SecretBytes, wrapped: Buffer): SecretBytes {
  try {
    return unwrapPrivateKey(wrappingKey, 'sha256', wrapped);
  } finally {
    wrappingKey.wipe();
  }
}

/** In the transaction that stores the key: there is never a second key of one token. */
async function useUp(tx: Transaction, tenantId: string, tokenId: string): Promise<void> {
  if (!(await useUpToken(tx, tenantId, tokenId))) throw unusable('was used up meanwhile');
}

const takesNone = (): AppError =>
  new AppError('unsupported_by_engine', { detail: 'This engine does not take private keys.' });

const unusable = (message: string): AppError => invalidMember('import_token', message);

const tooMany = (): AppError =>
  new AppError('rate_limited', {
    detail: `At most ${MAX_OPEN_TOKENS} import tokens of a tenant can be open; each ends after ${TOKEN_LIFE_HOURS} hours.`,
    retryAfterS: 60,
  });
