import { Controller, Get, Headers, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { RequestContext } from '#kernel';
import { CsrService, KeyReadingService, renderPublicKey } from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidBody } from '../edge/validation.pipe.js';
import { CsrDto } from './dto/csr.dto.js';

@ApiTags('keys')
@Controller('api/kms/v1/keys')
export class KeyDocumentsController {
  constructor(
    private readonly reading: KeyReadingService,
    private readonly csrs: CsrService,
  ) {}

  @Get(':id/public-key')
  @RequirePermission('kms:keys:read')
  @ApiOperation({ operationId: 'getPublicKey', summary: 'The public key as PEM, DER or JWK, by Accept' })
  @ApiProduces('application/x-pem-file', 'application/pkix-spki', 'application/jwk+json')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiProblems(404, 406)
  async publicKey(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer | string> {
    const { contentType, body } = renderPublicKey(await this.reading.getEntity(ctx, id), accept);
    void reply.header('content-type', contentType).header('vary', 'accept');
    return body;
  }

  @Post(':id/csr')
  @HttpCode(200)
  @RequirePermission('kms:keys:sign')
  @ApiOperation({ operationId: 'createCsr', summary: 'A certificate request (PKCS#10) signed by the key' })
  @ApiProduces('application/x-pem-file')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiProblems(400, 404, 409, 422)
  async csr(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody() body: CsrDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    void reply.header('content-type', 'application/x-pem-file');
    return this.csrs.create(ctx, id, body);
  }
}
