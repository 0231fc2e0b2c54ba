import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '#kernel';
import { KeyListingService, type KeyStats } from '#keys';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidQuery } from '../edge/validation.pipe.js';
import { FilterQueryDto } from './dto/list-keys.query.dto.js';
import { StatsDto } from './dto/stats.dto.js';

@ApiTags('keys')
@Controller('api/kms/v1')
export class InventoryController {
  constructor(private readonly listing: KeyListingService) {}

  @Get('stats')
  @RequirePermission('kms:keys:read', { query: true })
  @ApiOperation({ operationId: 'getStats', summary: 'How many keys there are, by engine and algorithm' })
  @ApiOkResponse({ type: StatsDto })
  @ApiProblems(400)
  stats(@Ctx() ctx: RequestContext, @ValidQuery() query: FilterQueryDto): Promise<KeyStats> {
    return this.listing.stats(ctx, query.filter ?? []);
  }
}
