import { hostname } from 'node:os';
import { AuditLog, CheckpointKey, Checkpointer } from '#audit';
import type { Config } from '#config';
import type { RootRing } from '#crypto';
import type { Database } from '#database';
import { EngineCatalogue, EngineRegistry, SoftwareEngine } from '#engines';
import { JobQueue, JobService, JobStore, JobWatch, JobWorker, type JobKind, type QueueBackend } from '#jobs';
import { newRequestId } from '#kernel';
import {
  CsrService,
  KeyCreationService,
  KeyDirectory,
  KeyEditingService,
  KeyLifecycleService,
  KeyListingService,
  KeyReadingService,
  LastUseRecorder,
  SigningService,
  VerificationService,
} from '#keys';
import type { Logger, Metrics } from '#observability';
import { AuditQueryService, RootKeys, TenantDirectory, TenantKeys, TenantService } from '#tenants';

const LAST_USE_INTERVAL_MS = 30_000;

/** What a process of the platform is made of, whatever it serves, and how it ends. */
export interface Services {
  /** What those who serve ask for, each by its class. */
  readonly parts: readonly object[];
  readonly tenants: TenantDirectory;
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  readonly jobQueue: JobQueue;
  /** Where jobs begin. */
  readonly jobStore: JobStore;
  /** Makes this process run jobs, once it is started; whoever starts it closes it, before the services. */
  readonly jobWorker: JobWorker;
  /** Writes what is still to be written and lets go of the database. */
  close(): Promise<void>;
}

export interface ServiceInputs {
  readonly config: Config;
  readonly database: Database;
  /** URL of `database`, as the application role. */
  readonly databaseUrl: string;
  readonly root: RootRing;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Kinds of jobs beside those that the planes have. */
  readonly jobKinds?: readonly JobKind[];
}

/** The composition root: which part is made of which. */
export async function composeServices(inputs: ServiceInputs): Promise<Services> {
  const { config, database, root, logger, metrics } = inputs;
  const audit = new AuditLog(database);
  await new RootKeys(database, root, audit).register();
  const tenantKeys = new TenantKeys(database, root);
  const engines = new EngineRegistry(config.softwareEngines.map((id) => new SoftwareEngine(id, tenantKeys)));
  const directory = new KeyDirectory(database);
  const lastUse = new LastUseRecorder(database);
  const tenants = new TenantDirectory(database);
  const signing = new SigningService(directory, engines, tenantKeys, audit, lastUse, tenants);
  const checkpointer = new Checkpointer(database, audit, await CheckpointKey.open(database, root), {
    file: config.auditCheckpointFile,
    log: (line) => logger.info({ checkpoint: line }, 'audit checkpoint'),
    onError: (error) => {
      metrics.checkpointFailures.inc();
      logger.error({ err: error }, 'audit checkpoint failed');
    },
  });
  checkpointer.start();
  const jobs = composeJobs(inputs, audit, tenantKeys);
  const flushLastUse = (): Promise<void> =>
    lastUse.flush().catch((error: unknown) => logger.warn({ err: error }, 'last use not written'));
  const timer = setInterval(() => void flushLastUse(), LAST_USE_INTERVAL_MS).unref();
  return {
    parts: [
      database,
      metrics,
      tenants,
      signing,
      new VerificationService(directory),
      new CsrService(directory, signing),
      new KeyCreationService(database, engines, audit),
      new KeyReadingService(database),
      new KeyEditingService(database, directory, audit),
      new KeyLifecycleService(database, directory, engines, audit),
      new KeyListingService(database, tenantKeys, engines),
      new EngineCatalogue(engines),
      new TenantService(database, root, audit),
      new AuditQueryService(database, tenantKeys),
      jobs.jobQueue,
      new JobWatch(database),
      jobs.service,
    ],
    tenants,
    audit,
    metrics,
    jobQueue: jobs.jobQueue,
    jobStore: jobs.jobStore,
    // A kind of job of a plane is registered here.
    jobWorker: composeJobWorker(inputs, jobs.jobQueue, []),
    close: async () => {
      clearInterval(timer);
      await jobs.jobQueue.close();
      await audit.close();
      await checkpointer.close();
      await flushLastUse();
      await database.close();
    },
  };
}

interface Jobs extends Pick<Services, 'jobQueue' | 'jobStore'> {
  readonly service: JobService;
}

const backendOf = ({ config, databaseUrl }: ServiceInputs): QueueBackend => ({
  redisUrl: config.jobs.redisUrl,
  databaseUrl,
});

/** What asks for jobs and tells of them: made before the services that enqueue, and without what runs them. */
function composeJobs(inputs: ServiceInputs, audit: AuditLog, tenantKeys: TenantKeys): Jobs {
  const jobQueue = new JobQueue(backendOf(inputs), inputs.logger);
  return {
    jobQueue,
    jobStore: new JobStore(jobQueue),
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
function composeJobWorker(inputs: ServiceInputs, queue: JobQueue, kinds: readonly JobKind[]): JobWorker {
  const { config, database, logger, metrics, jobKinds = [] } = inputs;
  return new JobWorker({
    database,
    backend: backendOf(inputs),
    queue,
    kinds: [...kinds, ...jobKinds],
    owner: `${hostname()}/${process.pid}/${newRequestId()}`,
    concurrency: config.jobs.concurrency,
    logger,
    metrics,
  });
}
