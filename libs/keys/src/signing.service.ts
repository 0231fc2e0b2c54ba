import type { AuditAction, AuditLog } from '#audit';
import { formatSignature, type KeySpec } from '#crypto';
import type { Engine, EngineRegistry } from '#engines';
import { AppError, invalidMember, type RequestContext } from '#kernel';
import type { TenantDirectory, TenantKeys } from '#tenants';
import { Backlog } from './backlog.js';
import { Coalescer } from './coalescer.js';
import type { KeyDirectory, StoredKey } from './key-directory.js';
import { textFault } from './key-rules.js';
import type { KeyEntity } from './key.entity.js';
import type { LastUseRecorder } from './last-use-recorder.js';
import {
  readSignatureRequest,
  requireFit,
  type SignInput,
  type SignatureRequest,
} from './signature-request.js';
import { engineOf } from './stored-engine-key.js';

export interface BatchItem extends SignInput {
  /** Key id, alias or PKCS#11 URI. */
  readonly key: string;
  /** Echoed in the answer. */
  readonly reference?: string;
}

export type BatchAnswer = { reference?: string } & ({ signature: string } | { err: string; code: string });

/** A signature that is made and not yet recorded: it must not leave. */
interface Made {
  readonly key: KeyEntity;
  readonly spec: KeySpec;
  readonly request: SignatureRequest;
  readonly signature: Buffer;
  /** How long others were signed for before it. */
  readonly inLineMs: number;
}

/** What stood in line, for the pool or a device, waits so much of that time again for others to go on with … */
const WAIT_SHARE = 0.3;
/** … and never longer. */
const WAIT_MS = 60;
/** Timers know no less. */
const LEAST_WAIT_MS = 1;

/** Signs with keys of the tenant. No signature leaves whose audit record is not durable. */
export class SigningService {
  readonly #backlog = new Backlog<Engine, KeySpec>();
  readonly #slow = new Coalescer();
  #underWay = 0;

  constructor(
    private readonly directory: KeyDirectory,
    private readonly engines: EngineRegistry,
    private readonly tenantKeys: TenantKeys,
    private readonly audit: AuditLog,
    private readonly lastUse: LastUseRecorder,
    private readonly tenants: TenantDirectory,
  ) {}

  /**
   * Base64 signature over a message or digest; base64url for the `jws` format.
   * Throws `validation_failed`, `invalid_algorithm`, `not_found`, `key_state`, `unsupported_by_engine`, `unavailable`.
   */
  async sign(ctx: RequestContext, ref: string, input: SignInput): Promise<string> {
    const request = readSignatureRequest(input);
    return toText(request, await this.signWith(ctx, await this.directory.get(ctx, ref), request));
  }

  /** Signs, records, and only then gives the signature, in the request's format. */
  async signWith(
    ctx: RequestContext,
    stored: StoredKey,
    request: SignatureRequest,
    action: AuditAction = 'kms.key.sign',
  ): Promise<Buffer> {
    const made = await this.#makeInTurn(stored, request);
    const { auditMac } = await this.tenantKeys.of(ctx.tenantId);
    if (!(await this.#record(ctx, made, auditMac, action))) throw await this.#whyRefused(ctx, stored.key);
    return formatSignature(made.signature, made.spec, request.format);
  }

  /** Under a backlog, what is made waits for others to go on with; a lone one does not. */
  async #makeInTurn(stored: StoredKey, request: SignatureRequest): Promise<Made> {
    this.#underWay += 1;
    try {
      const made = await this.#make(stored, request);
      const waitMs = Math.min(WAIT_MS, made.inLineMs * WAIT_SHARE);
      if (waitMs >= LEAST_WAIT_MS && this.#underWay > 1) await this.#slow.wait(waitMs);
      return made;
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * Signs item by item; one that fails leaves the others alone. Answers are in the order of the items. All
   * signatures are made before the first is recorded, so that none waits, recorded and unanswered, for the others.
   * Throws `validation_failed` for a reference that could not be echoed, and `unavailable`.
   */
  async signBatch(ctx: RequestContext, items: readonly BatchItem[]): Promise<BatchAnswer[]> {
    refuseReferences(items);
    const attempts = await Promise.all(items.map(({ key, ...input }) => this.#attempt(ctx, key, input)));
    const made = attempts.filter((attempt): attempt is Made => !(attempt instanceof AppError));
    const { auditMac } = await this.tenantKeys.of(ctx.tenantId);
    // All are pushed in one turn, so that they are committed together.
    const recorded = await Promise.all(made.map((one) => this.#record(ctx, one, auditMac, 'kms.key.sign')));
    const refused = new Set(made.filter((_, index) => !recorded[index]));
    return Promise.all(
      attempts.map(async (attempt, index) => {
        const reference = items[index]?.reference;
        const failure =
          attempt instanceof AppError
            ? attempt
            : refused.has(attempt)
              ? await this.#whyRefused(ctx, attempt.key)
              : undefined;
        const answer = failure
          ? { err: failure.detail, code: failure.code }
          : { signature: written(attempt as Made) };
        return reference === undefined ? answer : { reference, ...answer };
      }),
    );
  }

  async #attempt(ctx: RequestContext, ref: string, input: SignInput): Promise<Made | AppError> {
    try {
      const request = readSignatureRequest(input);
      return await this.#make(await this.directory.get(ctx, ref), request);
    } catch (error) {
      // What nobody meant fails the batch, of which nothing is recorded yet, and is logged.
      if (error instanceof AppError && error.code !== 'internal') return error;
      throw error;
    }
  }

  async #make({ key, target }: StoredKey, request: SignatureRequest): Promise<Made> {
    if (!key.hasPrivateKey || !target) {
      throw new AppError('key_state', { detail: 'The key has no private part.' });
    }
    requireFit(request.row, key);
    if (key.state !== 'enabled') throw notEnabled(key);
    const { row, type, data } = request;
    const saltLength = typeof request.saltLength === 'number' ? request.saltLength : undefined;
    const engine = engineOf(this.engines, key);
    const sinceMs = performance.now();
    const signature = await engine.sign(target, { row, type, data, saltLength });
    const inLineMs = this.#backlog.inLineMs(engine, target.spec, performance.now() - sinceMs);
    return { key, spec: target.spec, request, signature, inLineMs };
  }

  /** Whether it was recorded. Pushes the record before it returns. */
  async #record(
    ctx: RequestContext,
    { key, request: { row, type, data }, signature }: Made,
    auditMac: (data: Buffer) => string,
    action: AuditAction,
  ): Promise<boolean> {
    const detail = {
      algorithm: row.name,
      message_type: type,
      message_mac: auditMac(data),
      signature_mac: auditMac(signature),
    };
    const recorded = await this.audit.appendGated(ctx, {
      action,
      outcome: 'success',
      keyId: key.keyId,
      detail,
    });
    if (recorded) this.lastUse.note(key.tenantId, key.keyId);
    return recorded;
  }

  /** The gate told that key or tenant were not enabled when the record was to be written. */
  async #whyRefused(ctx: RequestContext, { tenantId, keyId }: KeyEntity): Promise<AppError> {
    this.directory.evict(tenantId, keyId);
    this.tenants.evict(tenantId);
    try {
      const { key } = await this.directory.get(ctx, keyId);
      if (key.state !== 'enabled') return notEnabled(key);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    return (await this.tenants.stateOf(tenantId)) === 'active'
      ? new AppError('key_state', { detail: 'The key was disabled while it was to sign.' })
      : new AppError('tenant_unavailable', { detail: 'The tenant is suspended.' });
  }
}

const notEnabled = ({ state }: KeyEntity): AppError =>
  new AppError('key_state', {
    detail: state === 'pending_deletion' ? 'The key waits for its destruction.' : 'The key is disabled.',
  });

const toText = ({ format }: SignatureRequest, signature: Buffer): string =>
  signature.toString(format === 'jws' ? 'base64url' : 'base64');

const written = ({ request, spec, signature }: Made): string =>
  toText(request, formatSignature(signature, spec, request.format));

function refuseReferences(items: readonly BatchItem[]): void {
  for (const [index, { reference = '' }] of items.entries()) {
    const message = textFault(reference);
    if (message) throw invalidMember(`${index}.reference`, message);
  }
}
