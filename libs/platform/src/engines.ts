import type { Config } from '#config';
import type { RootRing } from '#crypto';
import type { Database } from '#database';
import {
  awsKmsDriver,
  EngineCatalogue,
  EngineLoader,
  EngineRegistry,
  EngineSecrets,
  openDeclaredEngines,
  PinAttempts,
  pkcs11Driver,
  SoftwareEngine,
  type EngineDriver,
  type PinLedger,
  type RegisteredEngine,
} from '#engines';
import type { Logger } from '#observability';
import type { TenantKeys } from '#tenants';

/** The engines of a process, those of the configuration and those that operators register. */
export interface Engines {
  readonly registry: EngineRegistry;
  readonly catalogue: EngineCatalogue;
  readonly secrets: EngineSecrets;
  readonly loader: EngineLoader;
}

interface EngineInputs {
  readonly config: Config;
  readonly database: Database;
  readonly root: RootRing;
  readonly logger: Logger;
  /** What registered engines are made by; those that the configuration allows unless given. */
  readonly drivers?: ((pins: PinLedger) => readonly EngineDriver[]) | undefined;
}

const driversOf = (config: Config, pins: PinLedger): readonly EngineDriver[] => [
  pkcs11Driver({ modules: config.pkcs11Modules, environment: config.pkcs11Environment, pins }),
  awsKmsDriver({ allowedEndpoints: config.awsKmsEndpoints }),
];

/** Loads what is registered, and goes on looking for changes until the loader is closed. */
export async function composeEngines(
  { config, database, root, logger, drivers: given }: EngineInputs,
  tenantKeys: TenantKeys,
): Promise<Engines> {
  const secrets = await EngineSecrets.open(database, root, config.secretReferences);
  const pins = new PinAttempts(database, secrets);
  const drivers = given?.(pins) ?? driversOf(config, pins);
  const registry = new EngineRegistry([
    ...config.softwareEngines.map((id) => ({ engine: new SoftwareEngine(id, tenantKeys) })),
    ...declaredEngines(config, drivers),
  ]);
  const loader = new EngineLoader(database, registry, secrets, drivers, (error) =>
    logger.warn({ err: error }, 'engine not usable'),
  );
  await loader.start();
  return { registry, catalogue: new EngineCatalogue(registry), secrets, loader };
}

/** Reached in the background: a device that is away does not keep the process from starting. */
function declaredEngines(config: Config, drivers: readonly EngineDriver[]): RegisteredEngine[] {
  if (config.enginesFile === undefined) return [];
  const declared = openDeclaredEngines(config.enginesFile, config.secretReferences, drivers);
  for (const { engine } of declared) engine.connect().catch(() => undefined);
  return declared;
}
