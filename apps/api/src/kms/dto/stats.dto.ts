import { ApiProperty } from '@nestjs/swagger';

/** How many keys there are, and where. */
export class StatsDto {
  /** @example 12 */
  @ApiProperty({ type: 'integer' })
  total_keys: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' }, example: { software: 12 } })
  keys_distribution_per_engine: Record<string, number>;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' }, example: { RSA: 2, ECDSA: 10 } })
  keys_distribution_per_algorithm: Record<string, number>;
}
