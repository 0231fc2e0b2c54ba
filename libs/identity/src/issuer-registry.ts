import { ConfigError, type IssuerConfig } from '#config';
import { systemClock, type Clock } from '#kernel';
import type { DevelopmentIssuer } from './development-issuer.js';
import { FileKeySource } from './file-key-source.js';
import { IssuerKeySet } from './issuer-key-set.js';
import type { KeySource } from './key-source.js';
import { UrlKeySource } from './url-key-source.js';

const URL_MAX_AGE_MS = 600_000;
const FILE_MAX_AGE_MS = 60_000;
const COOLDOWN_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;

/** An issuer, what it may claim, and its keys. */
export interface TrustedIssuer {
  readonly config: IssuerConfig;
  readonly keys: IssuerKeySet;
}

export interface IssuerRegistryOptions {
  readonly clock?: Clock;
  /** Trusted beside the configured ones. Never in production: whoever reads the data folder can mint its tokens. */
  readonly development?: DevelopmentIssuer;
  /** For one fetch of a key set. */
  readonly fetchTimeoutMs?: number;
  /** Told of every failed load of an issuer's keys, also of those that no request waits for. */
  readonly onKeysFailed?: (issuer: string, error: unknown) => void;
}

/**
 * The issuers whose tokens are read. Keys behind a URL are used for at most ten minutes, keys in a file for at most
 * one; an unknown key id has them loaded again at most every 30 s.
 */
export class IssuerRegistry {
  readonly #issuers = new Map<string, TrustedIssuer>();

  constructor(
    configs: readonly IssuerConfig[],
    private readonly options: IssuerRegistryOptions = {},
  ) {
    for (const config of configs) this.#trust(config, this.#sourceOf(config));
    const { development } = options;
    if (development)
      this.#trust(development.issuerConfig, { load: async () => JSON.stringify(development.jwks) });
  }

  /** By the exact value of `iss`. */
  find(issuer: string): TrustedIssuer | undefined {
    return this.#issuers.get(issuer);
  }

  #trust(config: IssuerConfig, source: KeySource): void {
    const { clock = systemClock, onKeysFailed } = this.options;
    const keys = new IssuerKeySet(source, {
      clock,
      maxAgeMs: config.jwks_url === undefined ? FILE_MAX_AGE_MS : URL_MAX_AGE_MS,
      cooldownMs: COOLDOWN_MS,
      onLoadFailed: (error) => onKeysFailed?.(config.issuer, error),
    });
    if (this.#issuers.has(config.issuer))
      throw new ConfigError(['CLAVIGER_ISSUERS: an issuer is listed twice']);
    this.#issuers.set(config.issuer, Object.freeze({ config, keys }));
  }

  #sourceOf(config: IssuerConfig): KeySource {
    if (config.jwks_file !== undefined) return new FileKeySource(config.jwks_file);
    if (config.jwks_url !== undefined) {
      return new UrlKeySource(config.jwks_url, this.options.fetchTimeoutMs ?? FETCH_TIMEOUT_MS);
    }
    throw new ConfigError(['CLAVIGER_ISSUERS: an issuer has neither jwks_url nor jwks_file']);
  }
}
