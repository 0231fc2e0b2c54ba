import { Controller, Delete, Headers, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { JobView } from '#jobs';
import type { RequestContext } from '#kernel';
import { KeyDestructionService, KeyJobs, KeyLifecycleService } from '#keys';
import type { Destruction, KeyView } from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { IfMatch } from '../edge/if-match.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidQuery } from '../edge/validation.pipe.js';
import { DeleteKeyQueryDto, DestructionDto } from './dto/delete-key.dto.js';
import { KeyDto } from './dto/key.dto.js';
import { JobAnswers, prefersAsync } from './job-answers.js';
import { KeyAnswers } from './key-answers.js';
import { RespondAsync } from './respond-async.decorator.js';
import { tagged } from './tagged.js';

/** What becomes of a key: enabled and disabled, followed by another, destroyed. */
@ApiTags('keys')
@Controller('api/kms/v1/keys')
export class KeyLifecycleController {
  constructor(
    private readonly lifecycle: KeyLifecycleService,
    private readonly destruction: KeyDestructionService,
    private readonly answers: KeyAnswers,
    private readonly jobs: KeyJobs,
    private readonly jobAnswers: JobAnswers,
  ) {}

  @Delete(':id')
  @RequirePermission('kms:keys:delete', { query: true })
  @IfMatch()
  @ApiOperation({
    operationId: 'deleteKey',
    summary: 'Destroy a key, irreversibly, at once or after days in which it can be restored',
  })
  @ApiOkResponse({ type: DestructionDto })
  @ApiAcceptedResponse({
    type: DestructionDto,
    description:
      'It signs no more, and is destroyed at `deletion_ts` or as soon as its engine can be reached',
  })
  @ApiProblems(400, 404, 409, 412)
  async delete(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidQuery() { pending_window_days: pendingWindowDays }: DeleteKeyQueryDto,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Destruction | JobView> {
    if (prefersAsync(prefer) && pendingWindowDays === undefined) {
      return this.jobAnswers.once(ctx, reply, () => this.jobs.destroy(ctx, id, ifMatch));
    }
    const destruction = await this.destruction.destroy(ctx, id, { ifMatch, pendingWindowDays });
    void reply.status(destruction.status === 'deleted' ? 200 : 202);
    return destruction;
  }

  @Post(':id/restore')
  @HttpCode(200)
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'restoreKey', summary: 'Call a destruction off; the key is disabled then' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 409, 412)
  async restore(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(reply, await this.destruction.restore(ctx, id, ifMatch));
  }

  @Post(':id/enable')
  @HttpCode(200)
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'enableKey', summary: 'Let the key sign again' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 412)
  async enable(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(reply, await this.lifecycle.enable(ctx, id, ifMatch));
  }

  @Post(':id/disable')
  @HttpCode(200)
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'disableKey', summary: 'Stop the key from signing; exact once answered' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 412)
  async disable(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(reply, await this.lifecycle.disable(ctx, id, ifMatch));
  }

  @Post(':id/rotate')
  @HttpCode(200)
  @RequirePermission('kms:keys:write', { idempotent: true })
  @IfMatch()
  @ApiOperation({
    operationId: 'rotateKey',
    summary: 'Make a successor of the same kind, which takes over the aliases',
  })
  @RespondAsync()
  @ApiOkResponse({ type: KeyDto, description: 'The successor' })
  @ApiProblems(400, 404, 409, 412, 422)
  rotate(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView | JobView> {
    return prefersAsync(prefer)
      ? this.jobAnswers.once(ctx, reply, (jobId) => this.jobs.rotate(ctx, { input: id, jobId }, ifMatch))
      : this.answers.once(ctx, reply, (keyId) => this.lifecycle.rotate(ctx, id, ifMatch, keyId));
  }
}
