import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import type { Authenticator } from '#identity';
import {
  AppError,
  PLATFORM_PERMISSIONS,
  type Permission,
  type Principal,
  type RequestContext,
} from '#kernel';
import type { Metrics } from '#observability';
import type { TenantDirectory } from '#tenants';
import { HttpAnswer } from './http-answer.js';
import { acceptIdempotencyKey } from './idempotency-key.js';
import type { RouteAccess } from './permission.decorator.js';
import type { RateLimits } from './rate-limits.js';

export interface AccessDependencies {
  readonly authenticator: Authenticator;
  readonly tenants: TenantDirectory;
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
  fastify.decorateRequest('idempotencyKey', null);
  fastify.addHook('onRoute', requireDeclaration);
  fastify.addHook('onRequest', async (request, reply) => {
    const { permission, query, idempotent = false } = accessOf(request.routeOptions.config);
    if (request.is404 || !permission) return;
    try {
      const principal = await identify(request, deps);
      const { tenantId } = principal;
      request.ctx = { tenantId, principal, requestId: request.id, answer: new HttpAnswer(reply) };
      await authorize(request.ctx, permission, deps);
      if (!query) refuseQuery(request.query as object);
      request.idempotencyKey = acceptIdempotencyKey(request, idempotent);
    } catch (error) {
      if (error instanceof AppError) deps.metrics.refusals.inc({ code: error.code });
      throw error;
    }
  });
}

/** A parameter that nobody reads would be passed over: `?window_days=7` would destroy a key at once. */
function refuseQuery(query: object): void {
  const errors = Object.keys(query).map((name) => ({ path: name.slice(0, 128), message: 'is unknown' }));
  if (errors[0]) throw new AppError('validation_failed', { detail: `${errors[0].path} is unknown.`, errors });
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
  { tenantId, principal }: RequestContext,
  permission: Permission,
  { tenants, limits }: AccessDependencies,
): Promise<void> {
  await limits.tenant(tenantId);
  if (!principal.permissions.has(permission)) {
    throw new AppError('forbidden', { detail: `This route needs the permission ${permission}.` });
  }
  // The platform and the log concern more than some keys.
  if (principal.narrowing && (PLATFORM_PERMISSIONS.has(permission) || !permission.startsWith('kms:'))) {
    throw new AppError('forbidden', { detail: 'A token narrowed to some keys cannot be used here.' });
  }
  if ((await tenants.stateOf(tenantId)) !== 'active') throw new AppError('tenant_unavailable');
}
