import type { AuditLog } from '#audit';
import type { EngineRegistry } from '#engines';
import {
  CsrService,
  EngineReconciliationService,
  ImportTokenService,
  KeyAdoptionService,
  KeyCreationService,
  KeyDestructionService,
  KeyDirectory,
  KeyEditingService,
  KeyImportJobs,
  KeyJobs,
  KeyLifecycleService,
  KeyListingService,
  KeyMaking,
  KeyReadingService,
  KeyReconciler,
  LastUseRecorder,
  ReconciliationSchedule,
  SigningService,
  VerificationService,
  WrappedImportService,
} from '#keys';
import type { Chore, JobKind } from '#jobs';
import type { TenantDirectory, TenantKeys } from '#tenants';
import type { JobInputs, Jobs } from './jobs.js';

const LAST_USE_INTERVAL_MS = 30_000;

/** The key plane of a process. */
export interface Keys {
  /** What those who serve ask for, each by its class. */
  readonly parts: readonly object[];
  readonly reading: KeyReadingService;
  /** What the processes that run jobs are told to run. */
  readonly jobKinds: readonly JobKind[];
  /** What they do beside. */
  readonly chores: readonly Chore[];
  close(): Promise<void>;
}

/** What the key plane stands on. */
export interface Foundation {
  readonly audit: AuditLog;
  readonly tenantKeys: TenantKeys;
  readonly tenants: TenantDirectory;
  readonly jobs: Jobs;
  readonly registry: EngineRegistry;
}

/** Reconciles and notes uses from now on, until it is closed. */
export function composeKeys(
  inputs: JobInputs,
  { audit, tenantKeys, tenants, jobs, registry }: Foundation,
): Keys {
  const { database, logger } = inputs;
  const directory = new KeyDirectory(database);
  const lastUse = new LastUseRecorder(database);
  const reading = new KeyReadingService(database);
  const signing = new SigningService(directory, registry, tenantKeys, audit, lastUse, tenants);
  const making = new KeyMaking(database, registry);
  const creation = new KeyCreationService(database, registry, making, audit);
  const lifecycle = new KeyLifecycleService(database, directory, registry, making, audit);
  const destruction = new KeyDestructionService(database, directory, registry, audit);
  const wrapped = new WrappedImportService(database, registry, creation, tenantKeys);
  const importJobs = new KeyImportJobs(database, jobs.store, tenantKeys, reading, creation, wrapped);
  const keyJobs = new KeyJobs(database, jobs.store, reading, creation, lifecycle, destruction);
  const reconciliation = composeReconciliation(inputs, { registry, jobs, making, audit });
  const reconciler = new KeyReconciler(database, destruction, making, (error) =>
    logger.warn({ err: error }, 'left halfway, to be tried again'),
  );
  reconciler.start();
  const flushLastUse = (): Promise<void> =>
    lastUse.flush().catch((error: unknown) => logger.warn({ err: error }, 'last use not written'));
  const timer = setInterval(() => void flushLastUse(), LAST_USE_INTERVAL_MS).unref();
  return {
    parts: [
      signing,
      new VerificationService(directory),
      new CsrService(directory, signing),
      creation,
      new KeyAdoptionService(database, registry, making, audit),
      wrapped,
      new ImportTokenService(database, registry, making, tenantKeys, audit),
      reading,
      new KeyEditingService(database, directory, audit),
      lifecycle,
      destruction,
      making,
      reconciler,
      keyJobs,
      importJobs,
      reconciliation,
      new KeyListingService(database, tenantKeys, registry),
    ],
    reading,
    jobKinds: [...keyJobs.kinds, ...importJobs.kinds, ...reconciliation.kinds],
    chores: [new ReconciliationSchedule(reconciliation)],
    close: async () => {
      clearInterval(timer);
      await reconciler.close();
      await flushLastUse();
    },
  };
}

function composeReconciliation(
  { config, database, logger, metrics }: JobInputs,
  { registry, jobs, making, audit }: Pick<Foundation, 'registry' | 'jobs' | 'audit'> & { making: KeyMaking },
): EngineReconciliationService {
  return new EngineReconciliationService(database, registry, jobs.store, making, audit, {
    everyHours: config.engineReconcileHours,
    onReport: ({ engine_id, counts }) => {
      metrics.reconciliationFindings.inc({ finding: 'orphan' }, counts.orphan);
      metrics.reconciliationFindings.inc({ finding: 'missing' }, counts.missing);
      if (counts.orphan + counts.missing > 0) {
        logger.warn({ engine: engine_id, ...counts }, 'an engine and its keys differ');
      }
    },
    onError: (error, engine) => logger.warn({ err: error, engine }, 'engine not reconciled'),
  });
}
