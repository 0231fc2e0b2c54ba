import type { Config } from '#config';
import { IssuerRegistry } from '#identity';
import { fail, ok, reasonOf, type Check } from './check.js';

const NAME = 'issuers';

/** Whose tokens are believed, and whether their keys can be loaded now. */
export async function issuerChecks(config: Config): Promise<Check[]> {
  if (config.issuers.length === 0)
    return [ok(NAME, 'the development issuer, which production does not trust')];
  const reasons = new Map<string, string>();
  const registry = new IssuerRegistry(config.issuers, {
    onKeysFailed: (issuer, error) => reasons.set(issuer, reasonOf(error)),
  });
  return Promise.all(
    config.issuers.map(async ({ issuer }) => {
      try {
        await registry.find(issuer)?.keys.refresh();
        return ok(NAME, `${issuer}: its keys can be loaded`);
      } catch (error) {
        return fail(NAME, `${issuer}: its keys cannot be loaded: ${reasons.get(issuer) ?? reasonOf(error)}`);
      }
    }),
  );
}
