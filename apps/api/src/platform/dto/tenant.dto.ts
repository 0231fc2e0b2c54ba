import { ApiProperty } from '@nestjs/swagger';

/** A tenant. */
export class TenantDto {
  /** @example acme */
  tenant_id: string;
  @ApiProperty({ enum: ['active', 'suspended'] })
  state: string;
  /** @example 1 */
  /** Days that must at least lie between asking for a key's destruction and it; 0: none. */
  @ApiProperty({ type: 'integer' })
  min_deletion_days: number;
  @ApiProperty({ type: 'integer' })
  version: number;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  created_ts: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  updated_ts: string;
}
