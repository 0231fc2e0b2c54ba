import { newRequestId, systemClock, type Clock, type RequestContext } from '#kernel';

/** What was done, as `plane.object.verb`. */
export type AuditAction =
  | 'kms.key.create'
  | 'kms.key.import'
  | 'kms.key.adopt'
  | 'kms.import.open'
  | 'kms.key.rename'
  | 'kms.key.tag'
  | 'kms.key.alias'
  | 'kms.key.annotate'
  | 'kms.key.enable'
  | 'kms.key.disable'
  | 'kms.key.rotate'
  | 'kms.key.schedule-destruction'
  | 'kms.key.restore'
  | 'kms.key.destroy'
  | 'kms.key.sign'
  | 'kms.key.csr'
  | 'kms.engine.register'
  | 'kms.engine.change'
  | 'kms.engine.remove'
  | 'kms.engine.test'
  | 'kms.engine.reconcile'
  | 'kms.engine.destroy-orphan'
  | 'kms.job.cancel'
  | 'platform.tenant.create'
  | 'platform.tenant.change'
  | 'platform.tenant.suspend'
  | 'platform.tenant.resume'
  | 'platform.root-key.add'
  | 'platform.root-key.rotate'
  | 'platform.root-key.remove'
  | 'access.denied';

/** What the caller of an append knows. `detail` never holds a secret, a message or a signature. */
export interface AuditInput {
  readonly action: AuditAction;
  readonly outcome: 'success' | 'refused';
  readonly keyId?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** One record, as it is hashed and stored. */
export interface AuditEvent {
  readonly event_id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly ts: string;
  readonly action: AuditAction;
  readonly outcome: 'success' | 'refused';
  /** `<issuer>|<subject>`. */
  readonly actor: string;
  readonly request_id: string;
  readonly key_id: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Completes an event with who, when and in which request. */
export function newAuditEvent(
  ctx: Pick<RequestContext, 'principal' | 'requestId'>,
  input: AuditInput,
  clock: Clock = systemClock,
): AuditEvent {
  return {
    event_id: newRequestId(),
    ts: new Date(clock.now()).toISOString(),
    action: input.action,
    outcome: input.outcome,
    actor: `${ctx.principal.issuer}|${ctx.principal.subject}`,
    request_id: ctx.requestId,
    key_id: input.keyId ?? null,
    detail: input.detail ?? {},
  };
}
