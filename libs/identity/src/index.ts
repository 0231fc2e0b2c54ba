export { Authenticator } from './authenticator.js';
export { DevelopmentIssuer, type TokenOrder } from './development-issuer.js';
export { IssuerRegistry, type IssuerRegistryOptions, type TrustedIssuer } from './issuer-registry.js';
