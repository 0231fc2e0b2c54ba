import type { AuditLog } from '#audit';
import type { EngineRegistry } from '#engines';
import {
  CsrService,
  ImportTokenService,
  KeyAdoptionService,
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
import type { TenantDirectory, TenantKeys } from '#tenants';
import type { JobInputs, Jobs } from './jobs.js';

const LAST_USE_INTERVAL_MS = 30_000;

/** The key plane of a process. */
export interface Keys {
  /** What those who serve ask for, each by its class. */
  readonly parts: readonly object[];
  readonly reading: KeyReadingService;
  readonly jobs: KeyJobs;
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
  { database, logger }: JobInputs,
  { audit, tenantKeys, tenants, jobs, registry }: Foundation,
): Keys {
  const directory = new KeyDirectory(database);
  const lastUse = new LastUseRecorder(database);
  const reading = new KeyReadingService(database);
  const signing = new SigningService(directory, registry, tenantKeys, audit, lastUse, tenants);
  const making = new KeyMaking(database, registry);
  const creation = new KeyCreationService(database, registry, making, audit);
  const lifecycle = new KeyLifecycleService(database, directory, registry, making, audit);
  const destruction = new KeyDestructionService(database, directory, registry, audit);
  const keyJobs = new KeyJobs(database, jobs.store, reading, creation, lifecycle, destruction);
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
      new ImportTokenService(database, registry, making, tenantKeys, audit),
      new WrappedImportService(database, registry, creation, tenantKeys),
      reading,
      new KeyEditingService(database, directory, audit),
      lifecycle,
      destruction,
      making,
      reconciler,
      keyJobs,
      new KeyListingService(database, tenantKeys, registry),
    ],
    reading,
    jobs: keyJobs,
    close: async () => {
      clearInterval(timer);
      await reconciler.close();
      await flushLastUse();
    },
  };
}
