import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
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
import type { RequestContext } from '#kernel';
import {
  KeyCreationService,
  KeyDestructionService,
  KeyEditingService,
  KeyLifecycleService,
  KeyListingService,
  KeyReadingService,
  WrappedImportService,
} from '#keys';
import type { Destruction, KeyPage, KeyView } from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { CreateKeyDto } from './dto/create-key.dto.js';
import { DeleteKeyQueryDto, DestructionDto } from './dto/delete-key.dto.js';
import { ImportKeyDto } from './dto/import-key.dto.js';
import { KeyPageDto } from './dto/key-page.dto.js';
import { KeyDto } from './dto/key.dto.js';
import { ListKeysQueryDto } from './dto/list-keys.query.dto.js';
import { PatchesDto } from './dto/patches.dto.js';
import { RenameKeyDto } from './dto/rename-key.dto.js';
import { ReplaceTagsDto } from './dto/replace-tags.dto.js';
import { importInput, isWrapped } from './import-input.js';
import { KeyAnswers } from './key-answers.js';
import { handlingOf } from './patch-handling.js';
import { ALIAS_PATCH_EXAMPLES, IMPORT_EXAMPLES, METADATA_PATCH_EXAMPLES } from './request-examples.js';
import { tagged } from './tagged.js';

const IfMatch = (): MethodDecorator =>
  ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the version that this change is meant for',
  });

@ApiTags('keys')
@Controller('api/kms/v1/keys')
export class KeysController {
  constructor(
    private readonly creation: KeyCreationService,
    private readonly reading: KeyReadingService,
    private readonly editing: KeyEditingService,
    private readonly lifecycle: KeyLifecycleService,
    private readonly destruction: KeyDestructionService,
    private readonly wrapped: WrappedImportService,
    private readonly listing: KeyListingService,
    private readonly answers: KeyAnswers,
  ) {}

  @Get()
  @RequirePermission('kms:keys:read', { query: true })
  @ApiOperation({ operationId: 'listKeys', summary: 'List keys, filtered and by bookmark' })
  @ApiOkResponse({ type: KeyPageDto })
  @ApiProblems(400)
  list(@Ctx() ctx: RequestContext, @Query() query: ListKeysQueryDto): Promise<KeyPage> {
    return this.listing.list(ctx, query);
  }

  @Post()
  @RequirePermission('kms:keys:write', { idempotent: true })
  @ApiOperation({ operationId: 'createKey', summary: 'Create a key' })
  @ApiCreatedResponse({ type: KeyDto })
  @ApiProblems(400, 409, 413, 422)
  create(
    @Ctx() ctx: RequestContext,
    @Body() body: CreateKeyDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    const input = { ...body, engineId: body.engine_id ?? undefined };
    return this.answers.once(ctx, reply, (keyId) => this.creation.create(ctx, input, keyId));
  }

  @Post('import')
  @RequirePermission('kms:keys:write', { idempotent: true })
  @ApiOperation({
    operationId: 'importKey',
    summary: 'Import a private key, or a public key that only verifies',
  })
  @ApiBody({ type: ImportKeyDto, examples: IMPORT_EXAMPLES })
  @ApiCreatedResponse({ type: KeyDto })
  @ApiProblems(400, 409, 413, 422)
  import(
    @Ctx() ctx: RequestContext,
    @Body() body: ImportKeyDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
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
    @Query() { pending_window_days: pendingWindowDays }: DeleteKeyQueryDto,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Destruction> {
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

  @Put(':id/name')
  @RequirePermission('kms:keys:write')
  @IfMatch()
  @ApiOperation({ operationId: 'renameKey', summary: 'Change the name' })
  @ApiOkResponse({ type: KeyDto })
  @ApiProblems(400, 404, 412)
  async rename(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Body() body: RenameKeyDto,
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
    @Body() body: ReplaceTagsDto,
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
    @Body() { patches }: PatchesDto,
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
    @Body() { patches }: PatchesDto,
    @Headers('prefer') prefer: string | undefined,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return tagged(
      reply,
      await this.editing.patchMetadata(ctx, id, patches, handlingOf(prefer, reply), ifMatch),
    );
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
  @ApiOkResponse({ type: KeyDto, description: 'The successor' })
  @ApiProblems(400, 404, 409, 412, 422)
  rotate(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KeyView> {
    return this.answers.once(ctx, reply, (keyId) => this.lifecycle.rotate(ctx, id, ifMatch, keyId));
  }
}
