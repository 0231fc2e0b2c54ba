export {
  canImport,
  keepsKeys,
  type Engine,
  type EngineCapability,
  type EngineDescription,
  type EngineHealth,
  type EngineKey,
  type EngineKeyRef,
  type EngineType,
  type HeldKey,
  type ImportingEngine,
  type KeepingEngine,
  type SignInput,
  type StoredEngineKey,
} from './engine.js';
export type { EngineDriver, EngineInput } from './engine-driver.js';
export { EngineCatalogue, type EngineView } from './engine-catalogue.js';
export { EngineRegistry } from './engine-registry.js';
export { pkcs11Driver, type Pkcs11DriverOptions } from './pkcs11/pkcs11-driver.js';
export { SoftwareEngine, type SoftwareEngineOptions } from './software/software.engine.js';
