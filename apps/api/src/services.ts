import type { Provider } from '@nestjs/common';
import { AuditLog, CheckpointKey, Checkpointer } from '#audit';
import type { Config } from '#config';
import type { RootRing } from '#crypto';
import type { Database } from '#database';
import { EngineCatalogue, EngineRegistry, SoftwareEngine } from '#engines';
import { IdempotencyService } from '#idempotency';
import type { Authenticator } from '#identity';
import type { Clock } from '#kernel';
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
import { Idempotency } from './edge/idempotency.js';
import { RateLimits } from './edge/rate-limits.js';
import { KeyMaking } from './kms/key-making.js';

const LAST_USE_INTERVAL_MS = 30_000;

/** Everything an API process is made of, and how it ends. */
export interface Services {
  /** What controllers ask for by class. */
  readonly providers: readonly Provider[];
  readonly authenticator: Authenticator;
  readonly tenants: TenantDirectory;
  readonly audit: AuditLog;
  readonly limits: RateLimits;
  readonly metrics: Metrics;
  /** Writes what is still to be written and lets go of the database. */
  close(): Promise<void>;
}

export interface ServiceInputs {
  readonly config: Config;
  readonly database: Database;
  readonly root: RootRing;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The system's, unless told otherwise: what kept answers go by. */
  readonly clock?: Clock;
}

/** The composition root: which part is made of which. */
export async function composeServices(inputs: ServiceInputs): Promise<Services> {
  const { config, database, root, authenticator, logger, metrics, clock } = inputs;
  const audit = new AuditLog(database);
  await new RootKeys(database, root, audit).register();
  const tenantKeys = new TenantKeys(database, root);
  const engines = new EngineRegistry(config.softwareEngines.map((id) => new SoftwareEngine(id, tenantKeys)));
  const directory = new KeyDirectory(database);
  const lastUse = new LastUseRecorder(database);
  const tenants = new TenantDirectory(database);
  const reading = new KeyReadingService(database);
  const idempotency = new IdempotencyService(database, tenantKeys, {
    clock,
    onError: (error) => logger.warn({ err: error }, 'answer not kept'),
  });
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
  const flushLastUse = (): Promise<void> =>
    lastUse.flush().catch((error: unknown) => logger.warn({ err: error }, 'last use not written'));
  const timer = setInterval(() => void flushLastUse(), LAST_USE_INTERVAL_MS).unref();
  return {
    providers: provide(
      database,
      metrics,
      tenants,
      signing,
      new VerificationService(directory),
      new CsrService(directory, signing),
      new KeyCreationService(database, engines, audit),
      new KeyMaking(new Idempotency(idempotency), reading),
      reading,
      new KeyEditingService(database, directory, audit),
      new KeyLifecycleService(database, directory, engines, audit),
      new KeyListingService(database, tenantKeys, engines),
      new EngineCatalogue(engines),
      new TenantService(database, root, audit),
      new AuditQueryService(database, tenantKeys),
    ),
    authenticator,
    tenants,
    audit,
    metrics,
    limits: new RateLimits(config.rateLimit),
    close: async () => {
      clearInterval(timer);
      await audit.close();
      await checkpointer.close();
      await flushLastUse();
      await database.close();
    },
  };
}

const provide = (...values: object[]): Provider[] =>
  values.map((useValue) => ({ provide: useValue.constructor as never, useValue }));
