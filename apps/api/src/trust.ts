import type { Config } from '#config';
import { Authenticator, DevelopmentIssuer, IssuerRegistry } from '#identity';
import type { Logger } from '#observability';

/** Whom tokens are believed: the configured issuers, or in development, where none is configured, our own. */
export async function openAuthenticator(config: Config, logger: Logger): Promise<Authenticator> {
  const useOwn = config.mode === 'development' && config.issuers.length === 0;
  const registry = new IssuerRegistry(config.issuers, {
    development: useOwn ? await DevelopmentIssuer.open(config.dataDir) : undefined,
    onKeysFailed: (issuer, error) =>
      logger.error({ issuer, err: error }, 'keys of an issuer cannot be loaded'),
  });
  return new Authenticator(registry);
}
