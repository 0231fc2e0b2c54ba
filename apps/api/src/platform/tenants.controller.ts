import { Controller, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '#kernel';
import { TenantDirectory, TenantService, type TenantView } from '#tenants';
import { Ctx } from '../edge/context.decorator.js';
import { RequirePermission } from '../edge/permission.decorator.js';
import { ApiProblems } from '../edge/problems.decorator.js';
import { ValidBody, ValidQuery } from '../edge/validation.pipe.js';
import { ChangeTenantDto } from './dto/change-tenant.dto.js';
import { CreateTenantDto } from './dto/create-tenant.dto.js';
import { ListTenantsQueryDto } from './dto/list-tenants.query.dto.js';
import { TenantPageDto } from './dto/tenant-page.dto.js';
import { TenantDto } from './dto/tenant.dto.js';

@ApiTags('platform')
@Controller('api/platform/v1/tenants')
export class TenantsController {
  constructor(
    private readonly tenants: TenantService,
    private readonly directory: TenantDirectory,
  ) {}

  @Get()
  @RequirePermission('platform:admin', { query: true })
  @ApiOperation({ operationId: 'listTenants', summary: 'List tenants in the order of their ids' })
  @ApiOkResponse({ type: TenantPageDto })
  @ApiProblems(400)
  async list(@ValidQuery() query: ListTenantsQueryDto): Promise<TenantPageDto> {
    const list = await this.tenants.list(query.limit ?? 25, query.after);
    return { list };
  }

  @Post()
  @RequirePermission('platform:admin')
  @ApiOperation({ operationId: 'createTenant', summary: 'Create a tenant' })
  @ApiCreatedResponse({ type: TenantDto })
  @ApiProblems(400, 409)
  async create(@Ctx() ctx: RequestContext, @ValidBody() body: CreateTenantDto): Promise<TenantView> {
    const tenant = await this.tenants.create(ctx, body.tenant_id);
    this.directory.evict(tenant.tenant_id);
    return tenant;
  }

  @Get(':tenantId')
  @RequirePermission('platform:admin')
  @ApiOperation({ operationId: 'getTenant', summary: 'Read a tenant' })
  @ApiOkResponse({ type: TenantDto })
  @ApiProblems(404)
  get(@Param('tenantId') tenantId: string): Promise<TenantView> {
    return this.tenants.get(tenantId);
  }

  @Patch(':tenantId')
  @RequirePermission('platform:admin')
  @ApiOperation({ operationId: 'changeTenant', summary: 'Change what is demanded of a tenant' })
  @ApiOkResponse({ type: TenantDto })
  @ApiProblems(400, 404)
  change(
    @Ctx() ctx: RequestContext,
    @Param('tenantId') tenantId: string,
    @ValidBody() { min_deletion_days: minDeletionDays }: ChangeTenantDto,
  ): Promise<TenantView> {
    return this.tenants.change(ctx, tenantId, { minDeletionDays });
  }

  @Post(':tenantId/suspend')
  @HttpCode(200)
  @RequirePermission('platform:admin')
  @ApiOperation({ operationId: 'suspendTenant', summary: 'Refuse every request of the tenant from now on' })
  @ApiOkResponse({ type: TenantDto })
  @ApiProblems(404)
  async suspend(@Ctx() ctx: RequestContext, @Param('tenantId') tenantId: string): Promise<TenantView> {
    const tenant = await this.tenants.suspend(ctx, tenantId);
    this.directory.evict(tenantId);
    return tenant;
  }

  @Post(':tenantId/resume')
  @HttpCode(200)
  @RequirePermission('platform:admin')
  @ApiOperation({ operationId: 'resumeTenant', summary: 'Serve the tenant again' })
  @ApiOkResponse({ type: TenantDto })
  @ApiProblems(404)
  async resume(@Ctx() ctx: RequestContext, @Param('tenantId') tenantId: string): Promise<TenantView> {
    const tenant = await this.tenants.resume(ctx, tenantId);
    this.directory.evict(tenantId);
    return tenant;
  }
}
