import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ProblemDto } from './problem.dto.js';

const ALWAYS = [401, 403, 429, 503];

const MEANING: Readonly<Record<number, string>> = {
  400: 'Malformed or refused input',
  401: 'No valid token',
  403: 'The token lacks the permission, or its tenant is not available',
  404: 'No such object for this tenant and token',
  406: 'None of the accepted media types can be produced',
  409: 'Conflict with the state of things',
  412: 'If-Match names another version',
  413: 'Body or message too large',
  422: 'The engine cannot do this, or the Idempotency-Key was used for another request',
  429: 'Too many requests',
  503: 'A part that is needed is not reachable',
};

/** Documents one refusal, whatever else the route produces. */
export const ApiProblem = (status: number): MethodDecorator =>
  ApiResponse({
    status,
    description: MEANING[status] ?? '',
    content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
  });

/** Documents the refusals of a route: those named, and those every authenticated route has. */
export const ApiProblems = (...statuses: number[]): MethodDecorator =>
  applyDecorators(ApiExtraModels(ProblemDto), ...[...statuses, ...ALWAYS].map(ApiProblem));
