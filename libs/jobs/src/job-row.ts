import type { KeyNarrowing, Permission, RequestContext } from '#kernel';

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** Whoever asked for a job, as it is stored: a job acts in the name of the one who asked for it. */
export interface StoredPrincipal {
  readonly issuer: string;
  readonly subject: string;
  readonly permissions: readonly Permission[];
  readonly narrowing?: KeyNarrowing;
}

/** What of a job is shown. */
export interface JobRow {
  job_id: string;
  kind: string;
  state: JobState;
  progress_done: number;
  progress_total: number;
  result: unknown;
  error_code: string | null;
  error_detail: string | null;
  created_ts: Date;
  updated_ts: Date;
}

/** The columns of `JobRow`, of `job j`. */
export const JOB_COLUMNS =
  'j.job_id, j.kind, j.state, j.progress_done, j.progress_total, j.result, j.error_code, j.error_detail, ' +
  'j.created_ts, j.updated_ts';

/** A principal without its permissions: two requests with the same one come from the same narrowed token's holder. */
const identityOf = ({
  issuer,
  subject,
  narrowing,
}: RequestContext['principal']): Omit<StoredPrincipal, 'permissions'> => ({
  issuer,
  subject,
  ...(narrowing && { narrowing }),
});

export const storedPrincipal = ({ principal }: RequestContext): StoredPrincipal => ({
  ...identityOf(principal),
  permissions: [...principal.permissions],
});

/** The context that a job runs in: that of the request which asked for it, whose answer has long left. */
export const contextOf = (
  tenantId: string,
  { permissions, ...identity }: StoredPrincipal,
  requestId: string,
): RequestContext => ({
  tenantId,
  requestId,
  principal: { ...identity, tenantId, permissions: new Set(permissions) },
});

/**
 * Which jobs of its tenant a principal may know of, as SQL over `job j`: all of them, unless its token is narrowed to
 * some keys. A job may name others, so such a token sees what was asked for with the same narrowing by the same
 * subject, and nothing else. Jobs of engines name keys of all tenants, and are for operators only.
 */
export function visibilitySql(ctx: RequestContext, bind: (value: unknown) => string): string {
  const { narrowing, permissions } = ctx.principal;
  const conditions = [
    ...(permissions.has('kms:engines:admin') ? [] : [`j.kind NOT LIKE 'kms.engine.%'`]),
    ...(narrowing
      ? [`j.principal - 'permissions' = ${bind(JSON.stringify(identityOf(ctx.principal)))}::jsonb`]
      : []),
  ];
  return conditions.join(' AND ') || 'true';
}
