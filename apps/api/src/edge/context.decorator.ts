import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { RequestContext } from '#kernel';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once caller, permission and tenant are established. */
    ctx: RequestContext | null;
  }
}

/** The context of an authenticated request. */
export const Ctx = createParamDecorator((_data: unknown, host: ExecutionContext): RequestContext => {
  const { ctx } = host.switchToHttp().getRequest<FastifyRequest>();
  if (!ctx) throw new TypeError('a public route asked for a context');
  return ctx;
});
