import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '#kernel';
import { PROBLEM_MEDIA_TYPE, toProblem } from './problem.js';
import type { Refusals } from './refusals.js';
import { toAppError } from './to-app-error.js';

/** The one place where errors become answers, whoever threw them. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly refusals: Refusals) {}

  async catch(thrown: unknown, host: ArgumentsHost): Promise<void> {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = await this.#recorded(request, toAppError(thrown));
    if (error.row.status >= 500) request.log.error({ err: error, code: error.code }, 'request failed');
    if (reply.sent) return;
    if (error.row.status === 401) void reply.header('www-authenticate', 'Bearer realm="claviger"');
    if (error.retryAfterS !== undefined) void reply.header('retry-after', String(error.retryAfterS));
    void reply
      .status(error.row.status)
      .header('content-type', PROBLEM_MEDIA_TYPE)
      .header('cache-control', 'no-store')
      .send(JSON.stringify(toProblem(error, request.id)));
  }

  /** A refusal is recorded before it is answered; where it cannot be, that is what is answered. */
  async #recorded(request: FastifyRequest, error: AppError): Promise<AppError> {
    if (error.row.status !== 403) return error;
    try {
      await this.refusals.record(request, error);
      return error;
    } catch (failure) {
      return toAppError(failure);
    }
  }
}
