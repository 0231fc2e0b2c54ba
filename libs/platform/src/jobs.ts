import { hostname } from 'node:os';
import type { AuditLog } from '#audit';
import type { Config } from '#config';
import type { Database } from '#database';
import {
  JOB_TIMES,
  JobQueue,
  JobService,
  JobStore,
  JobWorker,
  type Chore,
  type JobKind,
  type QueueBackend,
} from '#jobs';
import { newRequestId } from '#kernel';
import type { Logger, Metrics } from '#observability';
import type { TenantKeys } from '#tenants';

const DAY_MS = 24 * 60 * 60_000;

export interface JobInputs {
  readonly config: Config;
  readonly database: Database;
  /** URL of `database`, as the application role. */
  readonly databaseUrl: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Kinds of jobs beside those that the planes have. */
  readonly jobKinds?: readonly JobKind[] | undefined;
}

/** What asks for jobs and tells of them. */
export interface Jobs {
  readonly queue: JobQueue;
  readonly store: JobStore;
  readonly service: JobService;
}

const backendOf = ({ config, databaseUrl }: JobInputs): QueueBackend => ({
  redisUrl: config.jobs.redisUrl,
  databaseUrl,
});

/** Made before the services that enqueue, and without what runs them. */
export function composeJobs(inputs: JobInputs, audit: AuditLog, tenantKeys: TenantKeys): Jobs {
  const queue = new JobQueue(backendOf(inputs), inputs.logger);
  return {
    queue,
    store: new JobStore(queue),
    service: new JobService(inputs.database, {
      bookmarkKeyOf: async (tenantId) => (await tenantKeys.of(tenantId)).bookmark,
      recordCancel: (tx, ctx, { job_id, kind }) =>
        audit.appendIn(tx, ctx, ctx.tenantId, {
          action: 'kms.job.cancel',
          outcome: 'success',
          detail: { job_id, kind },
        }),
    }),
  };
}

/** What runs jobs. `kinds` are those of the planes, and stand on services. */
export function composeJobWorker(
  inputs: JobInputs,
  queue: JobQueue,
  { jobKinds: kinds, chores }: { readonly jobKinds: readonly JobKind[]; readonly chores: readonly Chore[] },
): JobWorker {
  const { config, database, logger, metrics, jobKinds = [] } = inputs;
  return new JobWorker({
    database,
    backend: backendOf(inputs),
    queue,
    kinds: [...kinds, ...jobKinds],
    owner: `${hostname()}/${process.pid}/${newRequestId()}`,
    concurrency: config.jobs.concurrency,
    chores,
    times: { ...JOB_TIMES, keepMs: config.jobs.keepDays * DAY_MS },
    logger,
    metrics,
  });
}
