import { loadConfigFor } from '#config';
import type { TenantView } from '#tenants';
import type { CommandContext, CommandResult } from '../command.js';
import { openDatabase } from '../database-connection.js';
import { operatorContext } from '../operator.js';
import { composePlatform, openPlatform, type Platform } from '../platform.js';

const PAGE = 500;

const describe = (tenant: TenantView): string =>
  `${tenant.tenant_id}\t${tenant.state}\t${tenant.created_ts}\n`;

async function forReading(context: CommandContext): Promise<Platform> {
  const config = loadConfigFor(['database', 'rootKey'], context.env);
  return composePlatform(config, await openDatabase(config, context));
}

async function forWriting(context: CommandContext): Promise<Platform> {
  const config = loadConfigFor(['database', 'rootKey'], context.env);
  return openPlatform(config, await openDatabase(config, context), context);
}

/** Throws `tenant_exists`. */
export async function createTenant(id: string, context: CommandContext): Promise<CommandResult> {
  const tenant = await (await forWriting(context)).tenants.create(operatorContext(), id);
  return { json: tenant, text: describe(tenant) };
}

/** Throws `not_found`. */
export async function getTenant(id: string, context: CommandContext): Promise<CommandResult> {
  const tenant = await (await forReading(context)).tenants.get(id);
  return { json: tenant, text: describe(tenant) };
}

/** All tenants, in the order of their ids. */
export async function listTenants(context: CommandContext): Promise<CommandResult> {
  const { tenants } = await forReading(context);
  const list: TenantView[] = [];
  for (let page = await tenants.list(PAGE); page.length > 0;) {
    list.push(...page);
    page = page.length < PAGE ? [] : await tenants.list(PAGE, page.at(-1)?.tenant_id);
  }
  return { json: { list }, text: list.map(describe).join('') };
}

/** When this resolves no signature of the tenant is answered any more. Throws `not_found`. */
export async function suspendTenant(id: string, context: CommandContext): Promise<CommandResult> {
  const tenant = await (await forWriting(context)).tenants.suspend(operatorContext(), id);
  return { json: tenant, text: describe(tenant) };
}

/** Throws `not_found`. */
export async function resumeTenant(id: string, context: CommandContext): Promise<CommandResult> {
  const tenant = await (await forWriting(context)).tenants.resume(operatorContext(), id);
  return { json: tenant, text: describe(tenant) };
}
