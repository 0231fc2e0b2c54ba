import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#kernel';
import { Metrics } from '#observability';
import { Public } from '../edge/permission.decorator.js';

const LOOPBACK: ReadonlySet<string | undefined> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * /metrics on the main port, to loopback peers only. A proxy on this machine is such a peer, and is told from others
 * only where it adds a forwarding header, which not every proxy does unless told to: it must not forward this path, or
 * CLAVIGER_METRICS_PORT be set.
 */
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Public()
  @ApiExcludeEndpoint()
  async render(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const forwarded = request.headers['x-forwarded-for'] ?? request.headers.forwarded ?? request.headers.via;
    if (forwarded !== undefined || !LOOPBACK.has(request.socket.remoteAddress))
      throw new AppError('route_not_found');
    void reply.header('content-type', this.metrics.contentType);
    return this.metrics.render();
  }
}
