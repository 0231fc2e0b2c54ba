import { AuditLog, CheckpointKey, Checkpointer } from '#audit';
import type { RootRing } from '#crypto';
import type { EngineDriver, PinLedger } from '#engines';
import { IdempotencyService } from '#idempotency';
import { JobWatch, type JobQueue, type JobService, type JobStore, type JobWorker } from '#jobs';
import type { Clock } from '#kernel';
import { EngineAdministrationService, type KeyReadingService } from '#keys';
import type { Metrics } from '#observability';
import { AuditQueryService, RootKeys, TenantDirectory, TenantKeys, TenantService } from '#tenants';
import { composeEngines } from './engines.js';
import { composeKeys } from './keys.js';
import { composeJobs, composeJobWorker, type JobInputs } from './jobs.js';

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
  readonly drivers?: ((pins: PinLedger) => readonly EngineDriver[]) | undefined;
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
  const tenants = new TenantDirectory(database);
  const jobs = composeJobs(inputs, audit, tenantKeys);
  const keys = composeKeys(inputs, { audit, tenantKeys, tenants, jobs, registry });
  const checkpointer = new Checkpointer(database, audit, await CheckpointKey.open(database, root), {
    file: config.auditCheckpointFile,
    log: (line) => logger.info({ checkpoint: line }, 'audit checkpoint'),
    onError: (error) => {
      metrics.checkpointFailures.inc();
      logger.error({ err: error }, 'audit checkpoint failed');
    },
  });
  checkpointer.start();
  return {
    parts: [
      database,
      metrics,
      tenants,
      ...keys.parts,
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
    reading: keys.reading,
    idempotency: new IdempotencyService(database, tenantKeys, {
      clock,
      onError: (error) => logger.warn({ err: error }, 'answer not kept'),
    }),
    jobs: jobs.service,
    jobQueue: jobs.queue,
    jobStore: jobs.store,
    jobWorker: composeJobWorker(inputs, jobs.queue, keys),
    close: async () => {
      await keys.close();
      await loader.close();
      await jobs.queue.close();
      await audit.close();
      await checkpointer.close();
      await database.close();
    },
  };
}
