import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import type { Config } from '#config';
import { AppError, newRequestId } from '#kernel';
import type { Logger, Metrics } from '#observability';
import { readJsonOnly } from './json-body.js';
import { serveOneAtATime } from './one-at-a-time.js';
import { PROBLEM_MEDIA_TYPE, toProblem } from './problem.js';
import { toAppError } from './to-app-error.js';

/** Request bodies may be this long; a 512 KiB message in base64 fits. */
const BODY_LIMIT = 1_048_576;
/** A path parameter may be a percent-encoded PKCS#11 URI. */
const PARAM_LIMIT = 1_024;
/** What browsers are told; constant, so that no library computes it for each request. The page at /docs needs inline. */
const SECURITY_HEADERS = Object.freeze({
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
});
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The caller's `X-Request-Id` where it is harmless, else a fresh one. */
function requestId(raw: { headers: Record<string, unknown> }): string {
  const sent = raw.headers['x-request-id'];
  return typeof sent === 'string' && REQUEST_ID.test(sent) ? sent : newRequestId();
}

/** What is not even HTTP is answered as a problem too, and its connection closed. */
function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'malformed_request';
  const body = JSON.stringify(toProblem(new AppError(code), newRequestId()));
  const { status, title } = new AppError(code).row;
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** The router refuses a malformed URL before any hook or filter runs. */
function onFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const known = toAppError(error);
  void reply
    .status(known.row.status)
    .header('content-type', PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(toProblem(known, request.id)));
}

function observe(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onRequest', async (request, reply) => {
    void reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
  });
  fastify.addHook('onResponse', async (request, reply) => {
    // The route's pattern, never the URL: paths and queries name keys and carry filter values.
    const route = request.routeOptions.url ?? 'unknown';
    const status = reply.statusCode;
    metrics.observeRequest(request.method, route, status, reply.elapsedTime / 1_000);
    request.log.info(
      {
        method: request.method,
        route,
        status,
        ms: Math.round(reply.elapsedTime * 100) / 100,
        tenant: request.ctx?.tenantId,
      },
      'request',
    );
  });
}

/** Once the server ends, an answer is the last of its connection: kept alive, it would hold the end up. */
function endConnections(fastify: FastifyInstance): void {
  let ending = false;
  fastify.addHook('preClose', (done) => {
    ending = true;
    done();
  });
  // With a callback: an answer is written in the turn that it was given in.
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (ending) void reply.header('connection', 'close');
    done(null, payload);
  });
}

/** Fastify's own errors become ours before Nest maps them, which would lose what they are. */
class EdgeAdapter extends FastifyAdapter {
  override setErrorHandler(
    handler: Parameters<FastifyAdapter['setErrorHandler']>[0],
  ): ReturnType<FastifyAdapter['setErrorHandler']> {
    const translate = (error: Error, request: FastifyRequest, reply: FastifyReply): unknown =>
      (handler as (...args: unknown[]) => unknown)(toAppError(error), request, reply);
    return super.setErrorHandler(translate as never);
  }
}

/** Fastify as every process of the API runs it: limits, headers, request ids, logs. */
export function createFastifyAdapter(config: Config, logger: Logger, metrics: Metrics): FastifyAdapter {
  const adapter = new EdgeAdapter({
    loggerInstance: logger.child({}, { serializers: { req: () => undefined, res: () => undefined } }),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: PARAM_LIMIT },
    genReqId: requestId,
    trustProxy: config.trustProxy ?? false,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    connectionTimeout: 0,
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    clientErrorHandler: onClientError,
    frameworkErrors: onFrameworkError as never,
    ajv: {
      customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false },
    },
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  readJsonOnly(fastify);
  serveOneAtATime(fastify);
  observe(fastify, metrics);
  endConnections(fastify);
  return adapter;
}
