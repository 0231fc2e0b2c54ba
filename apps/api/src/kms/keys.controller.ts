import { Controller, Get, Headers, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { JobView } from '#jobs';
import type { RequestContext } from '#kernel';
import {
  KeyCreationService,
  KeyEditingService,
  KeyImportJobs,
  KeyJobs,
  KeyListingService,
  KeyReadingService,
  WrappedImportService,
} from '#keys';
import type { CreateKeyInput, KeyPage, KeyView } from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { IfMatch } from '../edge/if-match.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidBody, ValidQuery } from '../edge/validation.pipe.js';
import { CreateKeyDto } from './dto/create-key.dto.js';
import { CreateKeysDto } from './dto/create-keys.dto.js';
import { ImportKeyDto } from './dto/import-key.dto.js';
import { JobDto } from './dto/job.dto.js';
import { KeyPageDto } from './dto/key-page.dto.js';
import { KeyDto } from './dto/key.dto.js';
import { ListKeysQueryDto } from './dto/list-keys.query.dto.js';
import { PatchesDto } from './dto/patches.dto.js';
import { RenameKeyDto } from './dto/rename-key.dto.js';
import { ReplaceTagsDto } from './dto/replace-tags.dto.js';
import { importInput, isWrapped } from './import-input.js';
import { JobAnswers, prefersAsync } from './job-answers.js';
import { KeyAnswers } from './key-answers.js';
import { handlingOf } from './patch-handling.js';
import { ALIAS_PATCH_EXAMPLES, IMPORT_EXAMPLES, METADATA_PATCH_EXAMPLES } from './request-examples.js';
import { RespondAsync } from './respond-async.decorator.js';
import { tagged } from './tagged.js';

@ApiTags('keys')
@Controller('api/kms/v1/keys')
export class KeysController {
  constructor(
    private readonly creation: KeyCreationService,
    private readonly reading: KeyReadingService,
    private readonly editing: KeyEditingService,
    private readonly wrapped: WrappedImportService,
    private readonly listing: KeyListingService,
    private readonly answers: KeyAnswers,
    private readonly jobs: KeyJobs,
    private readonly importJobs: KeyImportJobs,
    private readonly jobAnswers: JobAnswers,
  ) {}

  @Get()
  @RequirePermission('kms:keys:read', { query: true })
  @ApiOperation({ operationId: 'listKeys', summary: 'List keys, filtered and by bookmark' })
  @ApiOkResponse({ type: KeyPageDto })
  @ApiProblems(400)
  list(@Ctx() ctx: RequestContext, @ValidQuery() query: ListKeysQueryDto): Promise<KeyPage> {
    return this.listing.list(ctx, query);
  }

  @Post()
  @RequirePermission('kms:keys:write', { idempotent: true })
  @RespondAsync()
  @ApiOperation({ operationId: 'createKey', summary: 'Create a key' })
  @ApiCreatedResponse({ type: KeyDto })
  @ApiProblems(400, 409, 413, 422)
  create(
    @Ctx() ctx: RequestContext,
    @ValidBody() body: CreateKeyDto,
    @Headers('prefer') prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView | JobView> {
    const input = createInput(body);
    return prefersAsync(prefer)
      ? this.jobAnswers.once(ctx, reply, (jobId) => this.jobs.createKey(ctx, { input, jobId }))
      : this.answers.once(ctx, reply, (keyId) => this.creation.create(ctx, input, keyId));
  }

  @Post('bulk')
  @HttpCode(202)
  @RequirePermission('kms:keys:write', { idempotent: true })
  @ApiOperation({
    operationId: 'createKeys',
    summary: 'Create many keys of a kind by a job; each is tagged `bulk:` and the id of the job',
  })
  @ApiAcceptedResponse({ type: JobDto })
  @ApiProblems(400, 409, 413, 422)
  createMany(
    @Ctx() ctx: RequestContext,
    @ValidBody() body: CreateKeysDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const input = { ...createInput(body), count: body.count };
    return this.jobAnswers.once(ctx, reply, (jobId) => this.jobs.createKeys(ctx, { input, jobId }));
  }

  @Post('import')
  @RequirePermission('kms:keys:write', { idempotent: true })
  @RespondAsync()
  @ApiOperation({
    operationId: 'importKey',
    summary: 'Import a private key, or a public key that only verifies',
  })
  @ApiBody({ type: ImportKeyDto, examples: IMPORT_EXAMPLES })
  @ApiCreatedResponse({ type: KeyDto })
  @ApiProblems(400, 409, 413, 422)
  import(
    @Ctx() ctx: RequestContext,
    @ValidBody() body: ImportKeyDto,
    @Headers('prefer') prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView | JobView> {
    if (prefersAsync(prefer)) {
      return this.jobAnswers.once(ctx, reply, async (jobId) =>
        this.importJobs.importKey(ctx, importInput(body), jobId),
      );
    }
    return this.answers.once(ctx, reply, async (keyId) => {
      const input = importInput(body);
      return isWrapped(input)
        ? this.wrapped.import(ctx, input, keyId)
        : this.creation.import(ctx, input, keyId);
    });
  }

  @Get(':id')
  @RequirePermission('kms:keys:read')
  @ApiOperation({ operationId: 'getKey', summary: 'Read a key by its id, an alias or its PKCS#11 URI' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(404)
  async get(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(reply, await this.reading.get(ctx, id));
  }

  @Put(':id/name')
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'renameKey', summary: 'Change the name' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 412)
  async rename(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody() body: RenameKeyDto,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(reply, await this.editing.rename(ctx, id, body.name, ifMatch));
  }

  @Put(':id/tags')
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'replaceTags', summary: 'Replace all tags' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 412)
  async replaceTags(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody() body: ReplaceTagsDto,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(reply, await this.editing.replaceTags(ctx, id, body.tags, ifMatch));
  }

  // The second path is the one that Lamassu's own SDK calls.
  @Put([':id/alias', ':id/aliases'])
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'patchAliases', summary: 'Change the aliases by JSON Patch' })
  @ApiBody({ type: PatchesDto, examples: ALIAS_PATCH_EXAMPLES })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 409, 412)
  async patchAliases(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody() { patches }: PatchesDto,
    @Headers('prefer') prefer: string | undefined,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(
      reply,
      await this.editing.patchAliases(ctx, id, patches, handlingOf(prefer, reply), ifMatch),
    );
  }

  @Put(':id/metadata')
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description: 'handling=lenient makes missing parents and forgives missing removals',
  })
  @ApiOperation({ operationId: 'patchMetadata', summary: 'Change the metadata by JSON Patch' })
  @ApiBody({ type: PatchesDto, examples: METADATA_PATCH_EXAMPLES })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 412)
  async patchMetadata(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody() { patches }: PatchesDto,
    @Headers('prefer') prefer: string | undefined,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(
      reply,
      await this.editing.patchMetadata(ctx, id, patches, handlingOf(prefer, reply), ifMatch),
    );
  }
}

/** As the service takes it: what is null was not given. */
const createInput = ({ name, tags, metadata, algorithm, size, engine_id }: CreateKeyDto): CreateKeyInput => ({
  name,
  algorithm,
  tags: tags ?? undefined,
  metadata: metadata ?? undefined,
  size: size ?? undefined,
  engineId: engine_id ?? undefined,
});
