export {
  canImport,
  type Engine,
  type EngineCapability,
  type EngineDescription,
  type EngineHealth,
  type EngineKey,
  type EngineKeyRef,
  type ImportingEngine,
  type SignInput,
  type StoredEngineKey,
} from './engine.js';
export { EngineCatalogue, type EngineView } from './engine-catalogue.js';
export { EngineRegistry } from './engine-registry.js';
export { SoftwareEngine, type SoftwareEngineOptions } from './software/software.engine.js';
