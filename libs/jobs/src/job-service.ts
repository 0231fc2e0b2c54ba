import {
  bookmarkState,
  decodeBookmark,
  encodeBookmark,
  listPage,
  plansToAvoid,
  resolvePage,
  TimeBudget,
  type Database,
  type ListResource,
  type PageQuery,
  type Transaction,
} from '#database';
import { AppError, type RequestContext, type SecretBytes } from '#kernel';
import { JOB_COLUMNS, visibilitySql, type JobRow } from './job-row.js';
import { viewJob, type JobView } from './job-view.js';
import { cancelJob, findJob, unknownJob } from './job.repository.js';

export interface JobPage {
  /** For the next page; empty on the last one. */
  next_bookmark: string;
  list: JobView[];
}

/** What the service asks of those who compose it. */
export interface JobServicePorts {
  /** The key that seals bookmarks of a tenant. */
  readonly bookmarkKeyOf: (tenantId: string) => Promise<SecretBytes>;
  /** Records a cancellation, in the transaction that makes it. */
  readonly recordCancel: (tx: Transaction, ctx: RequestContext, job: JobView) => Promise<void>;
}

/** What a listing may take; a filter that needs longer is refused. */
const STATEMENT_TIMEOUT_MS = 1_000;

const JOB_RESOURCE: ListResource = {
  from: 'job j',
  tenantColumn: 'j.tenant_id',
  columns: JOB_COLUMNS,
  id: { column: 'j.job_id', type: 'text' },
  fields: {
    job_id: { kind: 'string', column: 'j.job_id' },
    kind: { kind: 'string', column: 'j.kind' },
    state: { kind: 'string', column: 'j.state' },
    created_ts: { kind: 'date', column: 'j.created_ts' },
    updated_ts: { kind: 'date', column: 'j.updated_ts' },
  },
  sorts: {
    created_ts: { column: 'j.created_ts', type: 'timestamptz', indexed: true },
    updated_ts: { column: 'j.updated_ts', type: 'timestamptz' },
    job_id: { column: 'j.job_id', type: 'text', indexed: true },
  },
  defaultSort: 'created_ts',
};

/** What callers see of their jobs, and how they cancel them. */
export class JobService {
  constructor(
    private readonly database: Database,
    private readonly ports: JobServicePorts,
  ) {}

  /** Throws `not_found`. */
  async get(ctx: RequestContext, jobId: string): Promise<JobView> {
    const row = await this.database.transaction(ctx, (tx) => findJob(tx, ctx, jobId), { readOnly: true });
    if (!row) throw unknownJob();
    return viewJob(row);
  }

  /** Throws `validation_failed`, `invalid_filter`, `invalid_bookmark`, `filter_too_costly`. */
  async list(ctx: RequestContext, query: PageQuery): Promise<JobPage> {
    const key = await this.ports.bookmarkKeyOf(ctx.tenantId);
    const aad = `jobs\n${ctx.tenantId}`;
    const request = resolvePage(query, JOB_RESOURCE, (text) => decodeBookmark(key, aad, text));
    const where = [(bind: (value: unknown) => string) => visibilitySql(ctx, bind)];
    const page = await this.database.transaction(
      ctx,
      (tx) =>
        listPage<JobRow>(new TimeBudget(tx, STATEMENT_TIMEOUT_MS), JOB_RESOURCE, {
          ...request,
          tenantId: ctx.tenantId,
          where,
        }),
      {
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        readOnly: true,
        without: plansToAvoid(JOB_RESOURCE, request),
      },
    );
    return {
      next_bookmark: page.after ? encodeBookmark(key, aad, bookmarkState(request, page.after)) : '',
      list: page.rows.map(viewJob),
    };
  }

  /**
   * Cancels a queued job at once. A running one is asked to stop, and is cancelled when it does, unless it ends well
   * before. Throws `not_found`, and `job_state` where it has finished.
   */
  cancel(ctx: RequestContext, jobId: string): Promise<JobView> {
    return this.database.transaction(ctx, async (tx) => {
      const row = await cancelJob(tx, ctx, jobId);
      if (!row) {
        const finished = await findJob(tx, ctx, jobId);
        throw finished
          ? new AppError('job_state', { detail: `The job is ${finished.state}.` })
          : unknownJob();
      }
      const job = viewJob(row);
      await this.ports.recordCancel(tx, ctx, job);
      return job;
    });
  }
}
