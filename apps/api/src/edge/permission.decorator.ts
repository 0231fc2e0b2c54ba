import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiExtension, ApiHeader } from '@nestjs/swagger';
import type { Permission } from '#kernel';

/** What a route asks of its caller. Kept in Fastify's route, where it is known before the body is read. */
export interface RouteAccess {
  readonly permission?: Permission;
  readonly public?: true;
  /** Set where the route reads query parameters; elsewhere any is refused by name, never passed over. */
  readonly query?: true;
  /** Set where the route answers by `Idempotency` of this folder; elsewhere the header is refused. */
  readonly idempotent?: true;
}

const IdempotencyKey = (): MethodDecorator =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'A value of your choice, new for every new request: 1 to 255 printable ASCII characters, as a quoted string, or ' +
      'bare where it has no space, quote, comma, semicolon or backslash. The same request with the same key is done ' +
      'once, and answered alike for 24 hours; answers that were there already say `Idempotency-Replayed: true`.',
    schema: { type: 'string', minLength: 1, maxLength: 512 },
    example: '5b1f0c1e-7a3d-4a57-9d0c-2f4de1a6f0a2',
  });

/** The one permission a route needs. A route with neither this nor `Public` does not start. */
export const RequirePermission = (
  permission: Permission,
  access: Pick<RouteAccess, 'query' | 'idempotent'> = {},
): MethodDecorator =>
  applyDecorators(
    RouteConfig({ permission, ...access } satisfies RouteAccess),
    ApiBearerAuth(),
    ApiExtension('x-permission', permission),
    ...(access.idempotent ? [IdempotencyKey()] : []),
  );

/** A route that anybody may call. */
export const Public = (): MethodDecorator =>
  applyDecorators(RouteConfig({ public: true } satisfies RouteAccess), ApiExtension('x-public', true));
