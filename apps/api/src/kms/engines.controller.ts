import { Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { EngineCatalogue, type EngineView } from '#engines';
import type { JobView } from '#jobs';
import { invalidMember, type RequestContext } from '#kernel';
import {
  EngineAdministrationService,
  EngineReconciliationService,
  ImportTokenService,
  KeyAdoptionService,
  type EngineDetailView,
  type EngineTestView,
  type HeldKeyView,
  type ImportKeyView,
  type KeyKind,
  type KeyView,
} from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { IfMatch } from '../edge/if-match.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidBody } from '../edge/validation.pipe.js';
import { AdoptKeyDto, HeldKeyDto } from './dto/adopt-key.dto.js';
import { ChangeEngineDto } from './dto/change-engine.dto.js';
import { EngineDetailDto, EngineDto, EngineTestDto } from './dto/engine.dto.js';
import { ImportTokenDto, OpenImportDto } from './dto/import-token.dto.js';
import { JobDto } from './dto/job.dto.js';
import { KeyDto } from './dto/key.dto.js';
import { ReconcileEngineDto } from './dto/reconcile-engine.dto.js';
import { RegisterEngineDto } from './dto/register-engine.dto.js';
import { JobAnswers } from './job-answers.js';
import { ENGINE_EXAMPLES } from './request-examples.js';
import { tagged } from './tagged.js';

@ApiTags('engines')
@Controller('api/kms/v1/engines')
export class EnginesController {
  constructor(
    private readonly catalogue: EngineCatalogue,
    private readonly administration: EngineAdministrationService,
    private readonly importTokens: ImportTokenService,
    private readonly adoption: KeyAdoptionService,
    private readonly reconciliation: EngineReconciliationService,
    private readonly jobAnswers: JobAnswers,
  ) {}

  @Get()
  @RequirePermission('kms:engines:read')
  @ApiOperation({
    operationId: 'listEngines',
    summary: 'The crypto engines of the tenant and what they can do',
  })
  @ApiOkResponse({ type: [EngineDto] })
  @ApiProblems()
  list(@Ctx() ctx: RequestContext): Promise<EngineView[]> {
    return this.catalogue.list(ctx.tenantId);
  }

  @Post()
  @RequirePermission('kms:engines:admin')
  @ApiOperation({
    operationId: 'registerEngine',
    summary: 'Register an engine, once it was reached with these credentials',
  })
  @ApiBody({ type: RegisterEngineDto, examples: ENGINE_EXAMPLES })
  @ApiCreatedResponse({ type: EngineDetailDto })
  @ApiProblems(400, 409, 422)
  async register(
    @Ctx() ctx: RequestContext,
    @ValidBody() body: RegisterEngineDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EngineDetailView> {
    return tagged(reply, await this.administration.register(ctx, body));
  }

  @Get(':engineId')
  @RequirePermission('kms:engines:admin')
  @ApiOperation({
    operationId: 'getEngine',
    summary: 'Read an engine with its configuration; secrets are not told',
  })
  @ApiOkResponse({ type: EngineDetailDto })
  @ApiProblems(404)
  async get(
    @Param('engineId') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EngineDetailView> {
    return tagged(reply, await this.administration.get(id));
  }

  @Patch(':engineId')
  @RequirePermission('kms:engines:admin')
  @IfMatch()
  @ApiOperation({
    operationId: 'changeEngine',
    summary: 'Change an engine; in force in every process within a second',
  })
  @ApiOkResponse({ type: EngineDetailDto })
  @ApiProblems(400, 404, 409, 412, 422)
  async change(
    @Ctx() ctx: RequestContext,
    @Param('engineId') id: string,
    @ValidBody() body: ChangeEngineDto,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EngineDetailView> {
    return tagged(reply, await this.administration.update(ctx, id, body, ifMatch));
  }

  @Delete(':engineId')
  @RequirePermission('kms:engines:admin')
  @IfMatch()
  @ApiOperation({ operationId: 'removeEngine', summary: 'Remove an engine that holds no key' })
  @ApiOkResponse({
    schema: { type: 'object', properties: { status: { type: 'string', enum: ['removed'] } } },
  })
  @ApiProblems(404, 409, 412)
  async remove(
    @Ctx() ctx: RequestContext,
    @Param('engineId') id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<{ status: 'removed' }> {
    await this.administration.remove(ctx, id, ifMatch);
    return { status: 'removed' };
  }

  @Get(':engineId/objects')
  @RequirePermission('kms:engines:admin')
  @ApiOperation({
    operationId: 'listEngineObjects',
    summary: 'The first thousand keys that a device holds, and which of them Claviger knows',
  })
  @ApiOkResponse({ type: [HeldKeyDto] })
  @ApiProblems(404, 422)
  objects(@Param('engineId') id: string): Promise<HeldKeyView[]> {
    return this.adoption.inventory(id);
  }

  @Post(':engineId/adopt')
  @RequirePermission('kms:engines:admin')
  @ApiOperation({ operationId: 'adoptKey', summary: 'Make a key of a tenant of what a device holds already' })
  @ApiCreatedResponse({ type: KeyDto })
  @ApiProblems(400, 404, 409, 422)
  async adopt(
    @Ctx() ctx: RequestContext,
    @Param('engineId') id: string,
    @ValidBody() { object_id: objectId, tenant_id: tenantId, name, tags, metadata }: AdoptKeyDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    const described = { name, tags: tags ?? undefined, metadata: metadata ?? undefined };
    return tagged(reply, await this.adoption.adopt(ctx, id, { objectId, tenantId, ...described }));
  }

  @Post(':engineId/reconcile')
  @HttpCode(202)
  @RequirePermission('kms:engines:admin', { idempotent: true })
  @ApiOperation({
    operationId: 'reconcileEngine',
    summary: 'Compare a device with the keys that should be in it, by a job; orphans can be destroyed',
    description:
      'The result of the job is what `last_reconciliation` of the engine shows from then on. Reading the job takes `kms:keys:read` beside `kms:engines:admin`.',
  })
  @ApiAcceptedResponse({ type: JobDto })
  @ApiProblems(400, 404, 409, 422)
  reconcile(
    @Ctx() ctx: RequestContext,
    @Param('engineId') id: string,
    @ValidBody() { destroy_orphans: destroyOrphans }: ReconcileEngineDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    return this.jobAnswers.once(ctx, reply, (jobId) =>
      this.reconciliation.request(ctx, id, { jobId, destroyOrphans: destroyOrphans ?? false }),
    );
  }

  @Post(':engineId/import-key')
  @RequirePermission('kms:keys:write')
  @ApiOperation({
    operationId: 'openImport',
    summary: 'A one-time key to wrap a private key under, so that it crosses the wire in no other form',
  })
  @ApiBody({ type: OpenImportDto, required: false })
  @ApiCreatedResponse({ type: ImportTokenDto })
  @ApiProblems(400, 404, 422)
  openImport(
    @Ctx() ctx: RequestContext,
    @Param('engineId') id: string,
    @ValidBody() body: OpenImportDto,
  ): Promise<ImportKeyView> {
    return this.importTokens.open(ctx, id, kindOf(body));
  }

  @Post(':engineId/test')
  @HttpCode(200)
  @RequirePermission('kms:engines:admin')
  @ApiOperation({
    operationId: 'testEngine',
    summary: 'Reach an engine anew, with one attempt of its credentials',
  })
  @ApiOkResponse({ type: EngineTestDto })
  @ApiProblems(404)
  test(@Ctx() ctx: RequestContext, @Param('engineId') id: string): Promise<EngineTestView> {
    return this.administration.test(ctx, id);
  }
}

/** As the service takes it: what is null was not given. */
function kindOf({ algorithm, size }: OpenImportDto): KeyKind | undefined {
  const [named, sized] = [algorithm ?? undefined, size ?? undefined];
  if (named !== undefined) return { algorithm: named, size: sized };
  if (sized !== undefined) throw invalidMember('algorithm', 'is needed with size');
  return undefined;
}
