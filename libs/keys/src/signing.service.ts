import type { AuditAction, AuditLog } from '#audit';
import { formatSignature } from '#crypto';
import type { EngineRegistry } from '#engines';
import { AppError, type RequestContext } from '#kernel';
import type { TenantKeys } from '#tenants';
import type { KeyDirectory, StoredKey } from './key-directory.js';
import { textFault } from './key-rules.js';
import { unknownKey } from './key.repository.js';
import type { LastUseRecorder } from './last-use-recorder.js';
import {
  readSignatureRequest,
  requireFit,
  type SignInput,
  type SignatureRequest,
} from './signature-request.js';
import { engineKey, engineOf } from './stored-engine-key.js';

export interface BatchItem extends SignInput {
  /** Key id, alias or PKCS#11 URI. */
  readonly key: string;
  /** Echoed in the answer. */
  readonly reference?: string;
}

export type BatchAnswer = { reference?: string } & ({ signature: string } | { err: string; code: string });

/** Signs with keys of the tenant. No signature leaves whose audit record is not durable. */
export class SigningService {
  constructor(
    private readonly directory: KeyDirectory,
    private readonly engines: EngineRegistry,
    private readonly tenantKeys: TenantKeys,
    private readonly audit: AuditLog,
    private readonly lastUse: LastUseRecorder,
  ) {}

  /**
   * Base64 signature over a message or digest; base64url for the `jws` format.
   * Throws `validation_failed`, `invalid_algorithm`, `not_found`, `key_state`, `unsupported_by_engine`, `unavailable`.
   */
  async sign(ctx: RequestContext, ref: string, input: SignInput): Promise<string> {
    const request = readSignatureRequest(input);
    const stored = await this.directory.get(ctx, ref);
    const signature = await this.signWith(ctx, stored, request);
    return signature.toString(request.format === 'jws' ? 'base64url' : 'base64');
  }

  /**
   * Signs item by item; one that fails leaves the others alone. Answers are in the order of the items. Throws
   * `validation_failed` for a reference that could not be echoed.
   */
  async signBatch(ctx: RequestContext, items: readonly BatchItem[]): Promise<BatchAnswer[]> {
    refuseReferences(items);
    return Promise.all(
      items.map(async ({ key, reference, ...input }) => {
        const answer = await this.#signItem(ctx, key, input);
        return reference === undefined ? answer : { reference, ...answer };
      }),
    );
  }

  /** Signs, records, and only then gives the signature, in the request's format. */
  async signWith(
    ctx: RequestContext,
    stored: StoredKey,
    request: SignatureRequest,
    action: AuditAction = 'kms.key.sign',
  ): Promise<Buffer> {
    const { key, handle } = stored;
    if (!key.hasPrivateKey || !handle)
      throw new AppError('key_state', { detail: 'The key has no private part.' });
    requireFit(request.row, key);
    if (key.state !== 'enabled') throw new AppError('key_state', { detail: 'The key is disabled.' });
    const { row, type, data } = request;
    const saltLength = typeof request.saltLength === 'number' ? request.saltLength : undefined;
    const target = engineKey(key, handle);
    const made = await engineOf(this.engines, key).sign(target, { row, type, data, saltLength });
    const { auditMac } = await this.tenantKeys.of(ctx.tenantId);
    const recorded = await this.audit.appendGated(ctx, key.keyId, {
      action,
      outcome: 'success',
      detail: {
        algorithm: row.name,
        message_type: type,
        message_mac: auditMac(data),
        signature_mac: auditMac(made),
      },
    });
    if (!recorded) throw await this.#whyRefused(ctx, key.keyId, key.tenantId);
    this.lastUse.note(key.tenantId, key.keyId);
    return formatSignature(made, target.spec, request.format);
  }

  async #signItem(ctx: RequestContext, ref: string, input: SignInput): Promise<BatchAnswer> {
    try {
      return { signature: await this.sign(ctx, ref, input) };
    } catch (error) {
      if (!(error instanceof AppError) || error.row.status >= 500) throw error;
      return { err: error.detail, code: error.code };
    }
  }

  async #whyRefused(ctx: RequestContext, keyId: string, tenantId: string): Promise<AppError> {
    this.directory.evict(tenantId, keyId);
    const { key } = await this.directory.get(ctx, keyId).catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'not_found' ? unknownKey() : error;
    });
    return key.state === 'enabled'
      ? new AppError('tenant_unavailable', { detail: 'The tenant is suspended.' })
      : new AppError('key_state', { detail: 'The key is disabled.' });
  }
}

function refuseReferences(items: readonly BatchItem[]): void {
  for (const [index, { reference = '' }] of items.entries()) {
    const message = textFault(reference);
    const path = `${index}.reference`;
    if (message)
      throw new AppError('validation_failed', { detail: `${path} ${message}.`, errors: [{ path, message }] });
  }
}
