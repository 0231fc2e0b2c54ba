export { loadConfig, loadConfigFor, type Config, type ConfigPart, type ConfigSource } from './config.js';
export { ConfigError } from './config-error.js';
export type { IssuerConfig } from './issuer-config.js';
export { SecretReferences } from './secret-references.js';
