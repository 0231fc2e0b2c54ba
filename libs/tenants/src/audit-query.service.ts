import type { AuditEvent } from '#audit';
import {
  decodeBookmark,
  encodeBookmark,
  bookmarkState,
  listPage,
  resolvePage,
  type Database,
  type ListResource,
  type PageQuery,
} from '#database';
import { AppError, type RequestContext } from '#kernel';
import type { TenantKeys } from './tenant-keys.js';

/** A record with its place in its chain. */
export interface AuditEventView extends AuditEvent {
  lane: number;
  seq: number;
  hash: string;
}

export interface AuditPage {
  next_bookmark: string;
  list: AuditEventView[];
}

interface AuditRow {
  body: string;
  lane: number;
  seq: string;
  hash: Buffer;
}

const STATEMENT_TIMEOUT_MS = 1_000;

const AUDIT_RESOURCE: ListResource = {
  from: 'audit_event e',
  tenantColumn: 'e.tenant_id',
  columns: 'e.body, e.lane, e.seq, e.hash',
  id: { column: 'e.event_id', type: 'text' },
  fields: {
    ts: { kind: 'date', column: 'e.ts' },
    action: { kind: 'string', column: 'e.action' },
    outcome: { kind: 'string', column: 'e.outcome' },
    actor: { kind: 'string', column: 'e.actor' },
    request_id: { kind: 'string', column: 'e.request_id' },
    key_id: { kind: 'string', column: 'e.key_id' },
    event_id: { kind: 'string', column: 'e.event_id' },
  },
  sorts: { ts: { column: 'e.ts', type: 'timestamptz' } },
  defaultSort: 'ts',
};

/** A tenant's own audit log. */
export class AuditQueryService {
  constructor(
    private readonly database: Database,
    private readonly tenantKeys: TenantKeys,
  ) {}

  /** Throws `forbidden`, `validation_failed`, `invalid_filter`, `invalid_bookmark`, `filter_too_costly`. */
  async list(ctx: RequestContext, query: PageQuery): Promise<AuditPage> {
    if (ctx.principal.narrowing) {
      // The log names every key of the tenant, and all but a few are unknown to such a token.
      throw new AppError('forbidden', { detail: 'A token narrowed to some keys cannot read the audit log.' });
    }
    const { bookmark } = await this.tenantKeys.of(ctx.tenantId);
    const aad = `audit\n${ctx.tenantId}`;
    const request = resolvePage(query, AUDIT_RESOURCE, (text) => decodeBookmark(bookmark, aad, text));
    const page = await this.database.transaction(
      ctx,
      (tx) => listPage<AuditRow>(tx, AUDIT_RESOURCE, { ...request, tenantId: ctx.tenantId }),
      { statementTimeoutMs: STATEMENT_TIMEOUT_MS, readOnly: true },
    );
    return {
      next_bookmark: page.after ? encodeBookmark(bookmark, aad, bookmarkState(request, page.after)) : '',
      list: page.rows.map(({ body, lane, seq, hash }) => ({
        ...(JSON.parse(body) as AuditEvent),
        lane,
        seq: Number(seq),
        hash: hash.toString('hex'),
      })),
    };
  }
}
