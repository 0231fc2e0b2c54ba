import { ApiProperty } from '@nestjs/swagger';

/** A tenant. */
export class TenantDto {
  /** @example acme */
  tenant_id: string;
  @ApiProperty({ enum: ['active', 'suspended'] })
  state: string;
  version: number;
  created_ts: string;
  updated_ts: string;
}
