export { closeServer, startMetricsServer } from './metrics-server.js';
export { Readiness } from './readiness.js';
export { openRootRing } from './root-of-trust.js';
export { runProcess, type ProcessStart } from './run-process.js';
export { composeServices, type ServiceInputs, type Services } from './services.js';
export { ENTITIES, openStorage, type Storage } from './storage.js';
