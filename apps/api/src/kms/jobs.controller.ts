import { Controller, Get, HttpCode, Param, Post, Req, Res, type OnModuleDestroy } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JobService, JobWatch, type JobPage, type JobView } from '#jobs';
import type { RequestContext } from '#kernel';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidQuery } from '../edge/validation.pipe.js';
import { JobPageDto } from './dto/job-page.dto.js';
import { JobDto } from './dto/job.dto.js';
import { ListJobsQueryDto } from './dto/list-jobs.query.dto.js';
import { EVENT_MEDIA_TYPE, JobEvents } from './job-events.js';

@ApiTags('jobs')
@Controller('api/kms/v1/jobs')
export class JobsController implements OnModuleDestroy {
  readonly #events: JobEvents;

  constructor(
    private readonly jobs: JobService,
    watch: JobWatch,
  ) {
    this.#events = new JobEvents(watch);
  }

  @Get()
  @RequirePermission('kms:keys:read', { query: true })
  @ApiOperation({ operationId: 'listJobs', summary: 'List jobs, filtered, sorted and by bookmark' })
  @ApiOkResponse({ type: JobPageDto })
  @ApiProblems(400)
  list(@Ctx() ctx: RequestContext, @ValidQuery() query: ListJobsQueryDto): Promise<JobPage> {
    return this.jobs.list(ctx, query);
  }

  @Get(':id')
  @RequirePermission('kms:keys:read')
  @ApiOperation({ operationId: 'getJob', summary: 'Read a job' })
  @ApiOkResponse({ type: JobDto })
  @ApiProblems(404)
  get(@Ctx() ctx: RequestContext, @Param('id') id: string): Promise<JobView> {
    return this.jobs.get(ctx, id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RequirePermission('kms:keys:write')
  @ApiOperation({
    operationId: 'cancelJob',
    summary: 'Cancel a job: at once where it is queued, else it is asked to stop',
  })
  @ApiOkResponse({ type: JobDto })
  @ApiProblems(404, 409)
  cancel(@Ctx() ctx: RequestContext, @Param('id') id: string): Promise<JobView> {
    return this.jobs.cancel(ctx, id);
  }

  @Get(':id/events')
  @RequirePermission('kms:keys:read')
  @ApiOperation({
    operationId: 'watchJob',
    summary: 'Server-sent events: `progress` whenever the job has changed, `finished` at its end',
    description:
      'Each event has the job as its data. A stream lives for a minute at most: one that ends without `finished` is to be asked for again.',
  })
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' } } } })
  @ApiProblems(404)
  async watch(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    void reply.type(EVENT_MEDIA_TYPE).header('cache-control', 'no-store').header('x-accel-buffering', 'no');
    if (request.method === 'HEAD') {
      await this.jobs.get(ctx, id);
      return void reply.send();
    }
    void reply.send(await this.#events.open(ctx, id));
  }

  /** Before the server waits for its connections to end. */
  onModuleDestroy(): void {
    this.#events.endAll();
  }
}
