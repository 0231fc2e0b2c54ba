import { ConfigError, loadConfigFor, type Config } from '#config';
import { DevelopmentIssuer } from '#identity';
import { AppError } from '#kernel';
import { TenantDirectory } from '#tenants';
import type { CommandContext, CommandResult } from '../command.js';
import { openDatabase } from '../database-connection.js';
import { operatorContext } from '../operator.js';

export interface TokenOptions {
  readonly tenant: string;
  readonly scope: string;
  readonly subject?: string;
  /** Seconds. */
  readonly ttl: number;
  /** Key ids, aliases and tags that the token is narrowed to; none of them: not narrowed. */
  readonly key?: readonly string[];
  readonly alias?: readonly string[];
  readonly tag?: readonly string[];
}

/** Mints a token of the development issuer; makes the tenant where it is missing. Throws `ConfigError` elsewhere than in development. */
export async function mintToken(options: TokenOptions, context: CommandContext): Promise<CommandResult> {
  const config = loadConfigFor([], context.env);
  refuseOutsideDevelopment(config);
  // The database first: it makes the data folder so that its own user can pass.
  await ensureTenant(config, options.tenant, context);
  const issuer = await DevelopmentIssuer.open(config.dataDir);
  const { key = [], alias = [], tag = [] } = options;
  const token = await issuer.mint({
    tenant: options.tenant,
    scope: options.scope,
    subject: options.subject,
    ttlS: options.ttl,
    ...(key.length + alias.length + tag.length > 0 && {
      narrowing: { keys: [...key], aliases: [...alias], tags: [...tag] },
    }),
  });
  return { json: { token }, text: `${token}\n` };
}

function refuseOutsideDevelopment(config: Config): void {
  if (config.mode === 'production')
    throw new ConfigError(['NODE_ENV: in production tokens come from your issuers, not from this tool']);
  if (config.issuers.length > 0)
    throw new ConfigError([
      'CLAVIGER_ISSUERS: issuers are configured, so the development issuer is not trusted; have a token from one of them',
    ]);
}

async function ensureTenant(config: Config, id: string, context: CommandContext): Promise<void> {
  const database = await openDatabase(config, context);
  const state = await new TenantDirectory(database).stateOf(id);
  if (state === 'suspended') context.note(`tenant ${id} is suspended: its tokens are refused`);
  if (state !== 'unknown') return;
  const { openPlatform } = await import('../platform.js');
  const { tenants } = await openPlatform(config, database, context);
  try {
    await tenants.create(operatorContext(), id);
    context.note(`made tenant ${id}`);
  } catch (error) {
    // Another process was faster: the tenant is there.
    if (!(error instanceof AppError && error.code === 'tenant_exists')) throw error;
  }
}
