export { loadConfig, type Config } from './config.js';
export { ConfigError } from './config-error.js';
export type { IssuerConfig } from './issuer-config.js';
