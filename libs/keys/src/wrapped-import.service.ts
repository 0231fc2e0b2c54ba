import {
  parsePublicHalf,
  splitWrappedKey,
  unwrapPrivateKey,
  type ParsedPublicKey,
  type Sealer,
} from '#crypto';
import type { Database, Transaction } from '#database';
import { canImport, canUnwrap, type EngineKey, type EngineKeyRef, type EngineRegistry } from '#engines';
import { AppError, invalidMember, type RequestContext, type SecretBytes } from '#kernel';
import {
  claimToken,
  findToken,
  giveTokenBack,
  useUpToken,
  wrappingKeyBinding,
  type ClaimedToken,
} from './import-token.repository.js';
import { anotherKey, type KeyCreationService, type KeyDescription } from './key-creation.service.js';
import { dueIntent } from './key-intent.repository.js';
import { refuseNarrowed } from './key-visibility.js';
import type { KeyView } from './key-view.js';

export interface WrappedImportInput extends KeyDescription {
  readonly importToken: string;
  /** RSA-OAEP of an AES-256 key, and behind it AES-KWP (RFC 5649) of the PKCS#8. */
  readonly wrappedKey: Buffer;
  /** PEM or DER of its public half: the key must be that one. */
  readonly publicKey?: Buffer;
}

/** Of wrapping keys, which are RSA-4096. */
const WRAPPING_BYTES = 512;

/** An import on its way: its token was claimed, and nothing was opened yet. */
interface Arrival {
  readonly tokenId: string;
  readonly input: KeyDescription;
  readonly wrappedKey: Buffer;
  readonly half: ParsedPublicKey | undefined;
  readonly keyId: string | undefined;
}

type Here = Extract<ClaimedToken, { wrappingKey: Buffer }>;
type InEngine = Exclude<ClaimedToken, Here>;

/** Imports whose private key never crosses the wire in clear. A wrapping key is good for one key, once. */
export class WrappedImportService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly creation: KeyCreationService,
    private readonly sealer: Sealer,
  ) {}

  /** Throws what `import` would throw for its input, but for what only unwrapping shows, and uses nothing up. */
  async check(ctx: RequestContext, input: WrappedImportInput): Promise<void> {
    refuseNarrowed(ctx);
    const token = await this.#find(ctx, input.importToken);
    if (!token || token.isInUse) throw unusable('is unknown, expired, used up or in use');
    requireFit(token, input);
    splitWrappedKey(input.wrappedKey, WRAPPING_BYTES);
    if (!canImport(this.engines.get(ctx.tenantId, token.engineId))) {
      throw new AppError('unsupported_by_engine', { detail: 'This engine does not take private keys.' });
    }
  }

  /** Whether an import has the token at the moment, and may yet give it back. */
  async isInUse(ctx: RequestContext, importToken: string): Promise<boolean> {
    return (await this.#find(ctx, importToken))?.isInUse ?? false;
  }

  /**
   * Throws as `KeyCreationService.import`, `validation_failed` where the token cannot be used or wants a public key, and
   * `invalid_key_material`, one and the same, where the key does not unwrap.
   */
  async import(
    ctx: RequestContext,
    { importToken: tokenId, wrappedKey, publicKey, ...input }: WrappedImportInput,
    keyId?: string,
  ): Promise<KeyView> {
    refuseNarrowed(ctx);
    const { tenantId } = ctx;
    const token = await this.database.transaction(ctx, (tx) => claimToken(tx, tenantId, tokenId));
    if (!token) throw unusable('is unknown, expired, used up or in use');
    try {
      const half = requireFit(token, { ...input, publicKey });
      const arrival = { tokenId, input, wrappedKey, half, keyId };
      return token.wrappingKey
        ? await this.#openHere(ctx, token, arrival)
        : await this.#openInEngine(ctx, token, arrival);
    } catch (error) {
      const wasCallersFault =
        error instanceof AppError && error.row.status < 500 && error.code !== 'rate_limited';
      await this.database.transaction(ctx, async (tx) => {
        const isGone = await giveTokenBack(tx, tenantId, tokenId, wasCallersFault);
        if (isGone) await dueIntent(tx, { tenantId, keyId: tokenId });
      });
      throw error;
    }
  }

  #find(ctx: RequestContext, importToken: string): ReturnType<typeof findToken> {
    const { tenantId } = ctx;
    return this.database.transaction(ctx, (tx) => findToken(tx, tenantId, importToken), { readOnly: true });
  }

  async #openHere(ctx: RequestContext, token: Here, arrival: Arrival): Promise<KeyView> {
    const { tokenId, input, half, keyId } = arrival;
    const { engineId, spec } = token;
    const binding = wrappingKeyBinding(ctx.tenantId, tokenId);
    const wrappingKey = await this.sealer.unseal(binding, token.wrappingKey);
    const pkcs8 = unwrapAndWipe(wrappingKey, arrival.wrappedKey);
    try {
      const privateKey = pkcs8.expose('import an unwrapped key');
      const announced = { spec, fingerprint: half?.fingerprint };
      const opened = { ...input, engineId, privateKey, announced };
      return await this.creation.import(ctx, opened, keyId, useUp(ctx, tokenId));
    } finally {
      pkcs8.wipe();
    }
  }

  /** Nothing is seen here of the private key: it is judged by its public half, which has to be known for that. */
  async #openInEngine(ctx: RequestContext, token: InEngine, arrival: Arrival): Promise<KeyView> {
    const { tokenId, input, wrappedKey: bytes, half, keyId } = arrival;
    const { spec, hash, engineId } = token;
    const engine = this.engines.get(ctx.tenantId, engineId);
    if (!canUnwrap(engine)) {
      throw new AppError('unsupported_by_engine', { detail: 'This engine opens no wrapped keys any more.' });
    }
    const under = { tenantId: ctx.tenantId, keyId: tokenId };
    const take = async (ref: EngineKeyRef): Promise<EngineKey> => {
      const spki = half && { spki: half.spki };
      const taken = await engine.unwrapKey(ref, spec, { under, hash, bytes, ...spki });
      // What it throws is the end of the key in the engine.
      parsePublicHalf(taken.spki);
      return taken;
    };
    const taking = { engine, spec, fingerprint: half?.fingerprint, take };
    return this.creation.take(ctx, { ...input, engineId }, taking, keyId, useUp(ctx, tokenId));
  }
}

/** What can be seen before anything is opened. Gives the public half, where it was told. */
function requireFit(
  token: ClaimedToken,
  { engineId, publicKey }: Pick<WrappedImportInput, 'engineId' | 'publicKey'>,
): ParsedPublicKey | undefined {
  if (engineId !== undefined && engineId !== token.engineId) throw unusable('is for another engine');
  const half = publicKey && parsePublicHalf(publicKey);
  if (half && token.spec && half.spec !== token.spec) throw anotherKey();
  if (half || token.wrappingKey || token.spec.keyType === 'rsa') return half;
  throw invalidMember('public_key', 'is needed: the engine that opens such a key does not tell it');
}

/** The wrapping key is wiped whether it fits or not. */
function unwrapAndWipe(wrappingKey: SecretBytes, wrapped: Buffer): SecretBytes {
  try {
    return unwrapPrivateKey(wrappingKey, 'sha256', wrapped);
  } finally {
    wrappingKey.wipe();
  }
}

/** In the transaction that stores the key: there is never a second key of one token. A wrapping key in an engine goes. */
const useUp =
  ({ tenantId }: RequestContext, tokenId: string) =>
  async (tx: Transaction): Promise<void> => {
    if (!(await useUpToken(tx, tenantId, tokenId))) throw unusable('was used up meanwhile');
    await dueIntent(tx, { tenantId, keyId: tokenId });
  };

const unusable = (message: string): AppError => invalidMember('import_token', message);
