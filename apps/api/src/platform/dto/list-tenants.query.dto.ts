import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { isTenantId } from '#kernel';
import { Complies } from '../../edge/complies.decorator.js';

export class ListTenantsQueryDto {
  /** Tenants on a page, 1 to 200; 25 unless given. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, required: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value,
  )
  @IsInt()
  @Min(1)
  @Max(200)
  limit?: number;

  /** Continue after this tenant id. */
  @IsOptional()
  @Complies((value) => (isTenantId(value) ? undefined : 'must be a tenant id'))
  after?: string;
}
