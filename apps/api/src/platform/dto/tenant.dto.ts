import { ApiProperty } from '@nestjs/swagger';

/** A tenant. */
export class TenantDto {
  /** @example acme */
  tenant_id: string;
  @ApiProperty({ enum: ['active', 'suspended'] })
  state: string;
  /** @example 1 */
  @ApiProperty({ type: 'integer' })
  version: number;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  created_ts: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  updated_ts: string;
}
