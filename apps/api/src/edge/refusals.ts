import type { FastifyRequest } from 'fastify';
import type { AuditLog } from '#audit';
import { PLATFORM_CHAIN, type AppError, type RequestContext } from '#kernel';
import type { TenantDirectory } from '#tenants';
import type { RouteAccess } from './permission.decorator.js';

/** Whose token an issuer signed, but not for what it claims: known to be genuine, and not to be believed further. */
const OVERREACHING = {
  issuer: 'unknown',
  subject: 'unknown',
  tenantId: PLATFORM_CHAIN,
  permissions: new Set<never>(),
};

/** Records refusals (403) in the audit log, wherever they were decided. */
export class Refusals {
  constructor(
    private readonly audit: AuditLog,
    private readonly tenants: TenantDirectory,
  ) {}

  /** Resolves once the record is durable. Throws `unavailable`. */
  async record(request: FastifyRequest, error: AppError): Promise<void> {
    const ctx = request.ctx ?? { principal: OVERREACHING, requestId: request.id };
    const { config, url } = request.routeOptions;
    await this.audit.append(ctx, await this.#chainOf(request.ctx), {
      action: 'access.denied',
      outcome: 'refused',
      detail: {
        code: error.code,
        permission: (config as RouteAccess | undefined)?.permission ?? null,
        method: request.method,
        route: url ?? '',
      },
    });
  }

  /** Tenants that do not exist get no chain of their own: tokens could name any number of them. */
  async #chainOf(ctx: RequestContext | null): Promise<string> {
    if (!ctx || (await this.tenants.stateOf(ctx.tenantId)) === 'unknown') return PLATFORM_CHAIN;
    return ctx.tenantId;
  }
}
