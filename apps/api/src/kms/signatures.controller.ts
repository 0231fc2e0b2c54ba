import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '#kernel';
import { SigningService, VerificationService } from '#keys';
import type { BatchAnswer, BatchItem, SignInput, VerifyAnswer, VerifyInput } from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { SchemaBody } from '../edge/validation.pipe.js';
import {
  BATCH_ANSWER,
  BATCH_BODY,
  SIGN_ANSWER,
  SIGN_BODY,
  VERIFY_ANSWER,
  VERIFY_BODY,
} from './signature.schemas.js';

@ApiTags('signatures')
@Controller('api/kms/v1/keys')
export class SignaturesController {
  constructor(
    private readonly signing: SigningService,
    private readonly verification: VerificationService,
  ) {}

  @Post('batch/sign')
  @HttpCode(200)
  @RequirePermission('kms:keys:sign')
  @RouteSchema({ body: BATCH_BODY, response: { 200: BATCH_ANSWER } })
  @ApiOperation({
    operationId: 'signBatch',
    summary: 'Sign up to 100 messages; one that fails leaves the others alone',
  })
  @ApiBody({ schema: BATCH_BODY })
  @ApiOkResponse({ schema: BATCH_ANSWER })
  @ApiProblems(400, 413)
  signBatch(@Ctx() ctx: RequestContext, @SchemaBody() items: BatchItem[]): Promise<BatchAnswer[]> {
    return this.signing.signBatch(ctx, items);
  }

  @Post(':id/sign')
  @HttpCode(200)
  @RequirePermission('kms:keys:sign')
  @RouteSchema({ body: SIGN_BODY, response: { 200: SIGN_ANSWER } })
  @ApiOperation({ operationId: 'sign', summary: 'Sign a message or a digest' })
  @ApiBody({ schema: SIGN_BODY })
  @ApiOkResponse({ schema: SIGN_ANSWER })
  @ApiProblems(400, 404, 409, 413, 422)
  async sign(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @SchemaBody() input: SignInput,
  ): Promise<{ signature: string }> {
    return { signature: await this.signing.sign(ctx, id, input) };
  }

  @Post(':id/verify')
  @HttpCode(200)
  @RequirePermission('kms:keys:verify')
  @RouteSchema({ body: VERIFY_BODY, response: { 200: VERIFY_ANSWER } })
  @ApiOperation({ operationId: 'verify', summary: 'Check a signature with the public key' })
  @ApiBody({ schema: VERIFY_BODY })
  @ApiOkResponse({ schema: VERIFY_ANSWER })
  @ApiProblems(400, 404, 413, 422)
  verify(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @SchemaBody() input: VerifyInput,
  ): Promise<VerifyAnswer> {
    return this.verification.verify(ctx, id, input);
  }
}
