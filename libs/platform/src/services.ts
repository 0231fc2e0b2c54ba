import { AuditLog, CheckpointKey, Checkpointer } from '#audit';
import type { RootRing } from '#crypto';
import type { EngineDriver } from '#engines';
import { IdempotencyService } from '#idempotency';
import { JobWatch, type JobQueue, type JobService, type JobStore, type JobWorker } from '#jobs';
import type { Clock } from '#kernel';
import {
  CsrService,
  EngineAdministrationService,
  KeyCreationService,
  KeyDestructionService,
  KeyDirectory,
  KeyEditingService,
  KeyJobs,
  KeyLifecycleService,
  KeyListingService,
  KeyMaking,
  KeyReadingService,
  KeyReconciler,
  LastUseRecorder,
  SigningService,
  VerificationService,
  WrappedImportService,
} from '#keys';
import type { Metrics } from '#observability';
import { AuditQueryService, RootKeys, TenantDirectory, TenantKeys, TenantService } from '#tenants';
import { composeEngines } from './engines.js';
import { composeJobs, composeJobWorker, type JobInputs } from './jobs.js';

const LAST_USE_INTERVAL_MS = 30_000;

/** What a process of the platform is made of, whatever it serves, and how it ends. */
export interface Services {
  /** What those who serve ask for, each by its class. */
  readonly parts: readonly object[];
  readonly tenants: TenantDirectory;
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  readonly reading: KeyReadingService;
  readonly idempotency: IdempotencyService;
  readonly jobs: JobService;
  readonly jobQueue: JobQueue;
  /** Where jobs begin. */
  readonly jobStore: JobStore;
  /** Makes this process run jobs, once it is started; whoever starts it closes it, before the services. */
  readonly jobWorker: JobWorker;
  /** Writes what is still to be written and lets go of the database. */
  close(): Promise<void>;
}

export interface ServiceInputs extends JobInputs {
  readonly root: RootRing;
  /** What registered engines are made by; those that the configuration allows unless given. */
  readonly drivers?: readonly EngineDriver[] | undefined;
  /** The system's, unless told otherwise: what kept answers go by. */
  readonly clock?: Clock | undefined;
}

/** The composition root: which part is made of which. */
export async function composeServices(inputs: ServiceInputs): Promise<Services> {
  const { config, database, root, logger, metrics, clock } = inputs;
  const audit = new AuditLog(database);
  await new RootKeys(database, root, audit).register();
  const tenantKeys = new TenantKeys(database, root);
  const { registry, catalogue, secrets, loader } = await composeEngines(inputs, tenantKeys);
  const directory = new KeyDirectory(database);
  const lastUse = new LastUseRecorder(database);
  const tenants = new TenantDirectory(database);
  const reading = new KeyReadingService(database);
  const signing = new SigningService(directory, registry, tenantKeys, audit, lastUse, tenants);
  const making = new KeyMaking(database, registry);
  const creation = new KeyCreationService(database, registry, making, audit);
  const lifecycle = new KeyLifecycleService(database, directory, registry, making, audit);
  const destruction = new KeyDestructionService(database, directory, registry, audit);
  const reconciler = new KeyReconciler(database, destruction, making, (error) =>
    logger.warn({ err: error }, 'left halfway, to be tried again'),
  );
  reconciler.start();
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
  const keyJobs = new KeyJobs(database, jobs.store, reading, creation, lifecycle, destruction);
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
      creation,
      new WrappedImportService(database, registry, creation, tenantKeys, audit),
      reading,
      new KeyEditingService(database, directory, audit),
      lifecycle,
      destruction,
      making,
      reconciler,
      keyJobs,
      new KeyListingService(database, tenantKeys, registry),
      catalogue,
      new EngineAdministrationService(database, registry, catalogue, loader, secrets, audit),
      new TenantService(database, root, audit),
      new AuditQueryService(database, tenantKeys),
      jobs.queue,
      new JobWatch(database),
      jobs.service,
    ],
    tenants,
    audit,
    metrics,
    reading,
    idempotency: new IdempotencyService(database, tenantKeys, {
      clock,
      onError: (error) => logger.warn({ err: error }, 'answer not kept'),
    }),
    jobs: jobs.service,
    jobQueue: jobs.queue,
    jobStore: jobs.store,
    jobWorker: composeJobWorker(inputs, jobs.queue, keyJobs.kinds),
    close: async () => {
      clearInterval(timer);
      await reconciler.close();
      await loader.close();
      await jobs.queue.close();
      await audit.close();
      await checkpointer.close();
      await flushLastUse();
      await database.close();
    },
  };
}
