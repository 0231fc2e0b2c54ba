import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '#kernel';
import { AuditQueryService, type AuditPage } from '#tenants';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidQuery } from '../edge/validation.pipe.js';
import { AuditPageDto } from './dto/audit-page.dto.js';
import { ListAuditQueryDto } from './dto/list-audit.query.dto.js';

@ApiTags('platform')
@Controller('api/platform/v1/audit')
export class AuditController {
  constructor(private readonly audit: AuditQueryService) {}

  @Get()
  @RequirePermission('audit:read', { query: true })
  @ApiOperation({ operationId: 'listAudit', summary: "The tenant's own audit log, filtered and by bookmark" })
  @ApiOkResponse({ type: AuditPageDto })
  @ApiProblems(400)
  list(@Ctx() ctx: RequestContext, @ValidQuery() query: ListAuditQueryDto): Promise<AuditPage> {
    return this.audit.list(ctx, query);
  }
}
