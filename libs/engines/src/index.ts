export {
  canImport,
  canUnwrap,
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
  type UnwrappingEngine,
} from './engine.js';
export type { EngineDriver, EngineInput } from './engine-driver.js';
export { EngineCatalogue, type EngineView } from './engine-catalogue.js';
export { openDeclaredEngines } from './declared-engines.js';
export { EngineLoader } from './engine-loader.js';
export type { EngineChange, EngineRecord, StoredSecret } from './engine-record.js';
export { EngineRegistry, noSuchEngine, type RegisteredEngine } from './engine-registry.js';
export { EngineSecrets } from './engine-secrets.js';
export { countKeys, deleteEngine, findEngine, insertEngine, updateEngine } from './engine.repository.js';
export { generateWrappingKey } from './software/wrapping-key.js';
export { PinAttempts } from './pkcs11/pin-attempts.js';
export type { PinClaim, PinLedger, PinStanding } from './pkcs11/token-pin.js';
export { pkcs11Driver, type Pkcs11DriverOptions } from './pkcs11/pkcs11-driver.js';
export { SoftwareEngine, type SoftwareEngineOptions } from './software/software.engine.js';
export { awsKmsDriver, type AwsKmsDriverOptions } from './aws-kms/aws-kms-driver.js';
