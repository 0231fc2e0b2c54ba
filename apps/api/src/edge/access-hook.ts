import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import type { AuditLog } from '#audit';
import type { Authenticator } from '#identity';
import { AppError, PLATFORM_CHAIN, type Permission, type Principal, type RequestContext } from '#kernel';
import type { Metrics } from '#observability';
import type { TenantDirectory } from '#tenants';
import type { RouteAccess } from './permission.decorator.js';
import type { RateLimits } from './rate-limits.js';

export interface AccessDependencies {
  readonly authenticator: Authenticator;
  readonly tenants: TenantDirectory;
  readonly audit: AuditLog;
  readonly limits: RateLimits;
  readonly metrics: Metrics;
}

/** Served without a token; they name no tenant and read nothing. */
const PUBLIC_PATHS = /^\/(?:docs(?:\/|$)|openapi\.json$)/;

const accessOf = (config: unknown): RouteAccess => (config ?? {}) as RouteAccess;

/** A route that says neither whom it lets in nor that it is public is a mistake, and stops the start. */
function requireDeclaration(route: RouteOptions): void {
  const { permission, public: isPublic } = accessOf(route.config);
  if (permission || isPublic || PUBLIC_PATHS.test(route.url)) return;
  throw new Error(`route ${String(route.method)} ${route.url} declares no permission`);
}

/**
 * Who is calling, with which permission, for which tenant: decided before the body is read, so that 401 and 403
 * come before 400, and 400 before 404. Runs as an `onRequest` hook because Fastify validates before Nest's guards.
 */
export function guardRoutes(fastify: FastifyInstance, deps: AccessDependencies): void {
  fastify.decorateRequest('ctx', null);
  fastify.addHook('onRoute', requireDeclaration);
  fastify.addHook('onRequest', async (request) => {
    const { permission } = accessOf(request.routeOptions.config);
    if (request.is404 || !permission) return;
    try {
      const principal = await identify(request, deps);
      request.ctx = { tenantId: principal.tenantId, principal, requestId: request.id };
      await authorize(request.ctx, permission, request, deps);
    } catch (error) {
      if (error instanceof AppError) deps.metrics.refusals.inc({ code: error.code });
      throw error;
    }
  });
}

/** Addresses are counted only while the caller is unknown, so that a proxy's many known callers are not one. */
async function identify(
  request: FastifyRequest,
  { authenticator, limits }: AccessDependencies,
): Promise<Principal> {
  const { authorization } = request.headers;
  const known = authenticator.peek(authorization);
  if (known) return known;
  await limits.address(request.ip);
  return authenticator.authenticate(authorization);
}

async function authorize(
  ctx: RequestContext,
  permission: Permission,
  request: FastifyRequest,
  { tenants, audit, limits }: AccessDependencies,
): Promise<void> {
  await limits.tenant(ctx.tenantId);
  const state = await tenants.stateOf(ctx.tenantId);
  const refusal = !ctx.principal.permissions.has(permission)
    ? new AppError('forbidden', { detail: `This route needs the permission ${permission}.` })
    : state !== 'active'
      ? new AppError('tenant_unavailable')
      : undefined;
  if (!refusal) return;
  // Tenants that do not exist get no chain of their own: tokens could name any number of them.
  await audit.append(ctx, state === 'unknown' ? PLATFORM_CHAIN : ctx.tenantId, {
    action: 'access.denied',
    outcome: 'refused',
    detail: { code: refusal.code, permission, method: request.method, route: request.routeOptions.url ?? '' },
  });
  throw refusal;
}
