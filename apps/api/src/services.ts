import type { Provider } from '@nestjs/common';
import { AuditLog, CheckpointKey, Checkpointer } from '#audit';
import type { Config } from '#config';
import type { RootRing } from '#crypto';
import type { Database } from '#database';
import {
  EngineCatalogue,
  EngineLoader,
  EngineRegistry,
  EngineSecrets,
  SoftwareEngine,
  openDeclaredEngines,
  type EngineDriver,
  type RegisteredEngine,
} from '#engines';
import { IdempotencyService } from '#idempotency';
import type { Authenticator } from '#identity';
import type { Clock } from '#kernel';
import {
  CsrService,
  EngineAdministrationService,
  KeyCreationService,
  KeyDestructionService,
  KeyDirectory,
  KeyEditingService,
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
import type { Logger, Metrics } from '#observability';
import { AuditQueryService, RootKeys, TenantDirectory, TenantKeys, TenantService } from '#tenants';
import { Idempotency } from './edge/idempotency.js';
import { RateLimits } from './edge/rate-limits.js';
import { KeyAnswers } from './kms/key-answers.js';

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
  /** For engines that operators register. */
  readonly drivers: readonly EngineDriver[];
  /** The system's, unless told otherwise: what kept answers go by. */
  readonly clock?: Clock;
}

/** The composition root: which part is made of which. */
export async function composeServices(inputs: ServiceInputs): Promise<Services> {
  const { config, database, root, authenticator, logger, metrics, clock } = inputs;
  const audit = new AuditLog(database);
  await new RootKeys(database, root, audit).register();
  const tenantKeys = new TenantKeys(database, root);
  const engines = new EngineRegistry([
    ...config.softwareEngines.map((id) => ({ engine: new SoftwareEngine(id, tenantKeys) })),
    ...declaredEngines(config, inputs.drivers),
  ]);
  const catalogue = new EngineCatalogue(engines);
  const secrets = await EngineSecrets.open(database, root, config.secretReferences);
  const loader = new EngineLoader(database, engines, secrets, inputs.drivers, (error) =>
    logger.warn({ err: error }, 'engine not usable'),
  );
  await loader.start();
  const directory = new KeyDirectory(database);
  const lastUse = new LastUseRecorder(database);
  const tenants = new TenantDirectory(database);
  const reading = new KeyReadingService(database);
  const idempotency = new IdempotencyService(database, tenantKeys, {
    clock,
    onError: (error) => logger.warn({ err: error }, 'answer not kept'),
  });
  const signing = new SigningService(directory, engines, tenantKeys, audit, lastUse, tenants);
  const making = new KeyMaking(database, engines);
  const creation = new KeyCreationService(database, engines, making, audit);
  const destruction = new KeyDestructionService(database, directory, engines, audit);
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
      creation,
      new WrappedImportService(database, engines, creation, tenantKeys, audit),
      new KeyAnswers(new Idempotency(idempotency), reading),
      reading,
      new KeyEditingService(database, directory, audit),
      new KeyLifecycleService(database, directory, engines, making, audit),
      destruction,
      making,
      reconciler,
      new EngineAdministrationService(database, engines, catalogue, loader, secrets, audit),
      new KeyListingService(database, tenantKeys, engines),
      catalogue,
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
      await reconciler.close();
      await loader.close();
      await audit.close();
      await checkpointer.close();
      await flushLastUse();
      await database.close();
    },
  };
}

/** Reached in the background: a device that is away does not keep the server from starting. */
function declaredEngines(config: Config, drivers: readonly EngineDriver[]): RegisteredEngine[] {
  if (config.enginesFile === undefined) return [];
  const declared = openDeclaredEngines(config.enginesFile, config.secretReferences, drivers);
  for (const { engine } of declared) engine.connect().catch(() => undefined);
  return declared;
}

const provide = (...values: object[]): Provider[] =>
  values.map((useValue) => ({ provide: useValue.constructor as never, useValue }));
