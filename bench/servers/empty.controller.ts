import { Controller, HttpCode, Post } from '@nestjs/common';
import { RequirePermission } from '../../apps/api/src/edge/permission.decorator.js';

/** A route that does nothing but what every route of the API does: the caller, the tenant, the permission, the log. */
@Controller('bench')
export class EmptyController {
  @Post('empty')
  @HttpCode(200)
  @RequirePermission('kms:keys:sign')
  empty(): object {
    return {};
  }
}
