import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { Permission } from '#kernel';

/** What a route asks of its caller. Kept in Fastify's route, where it is known before the body is read. */
export interface RouteAccess {
  readonly permission?: Permission;
  readonly public?: true;
  /** Set where the route reads query parameters; elsewhere any is refused by name, never passed over. */
  readonly query?: true;
}

/** The one permission a route needs. A route with neither this nor `Public` does not start. */
export const RequirePermission = (
  permission: Permission,
  access: Pick<RouteAccess, 'query'> = {},
): MethodDecorator =>
  applyDecorators(
    RouteConfig({ permission, ...access } satisfies RouteAccess),
    ApiBearerAuth(),
    ApiExtension('x-permission', permission),
  );

/** A route that anybody may call. */
export const Public = (): MethodDecorator =>
  applyDecorators(RouteConfig({ public: true } satisfies RouteAccess), ApiExtension('x-public', true));
