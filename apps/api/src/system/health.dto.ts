import { ApiProperty } from '@nestjs/swagger';

export class HealthDto {
  /** `degraded`: everything is served, but jobs are late. */
  @ApiProperty({ enum: ['ok', 'degraded'], example: 'ok' })
  status: 'ok' | 'degraded';
}
