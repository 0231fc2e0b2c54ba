import { ApiProperty } from '@nestjs/swagger';
import { DELETION_WINDOW_DAYS } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';

const { min, max } = DELETION_WINDOW_DAYS;

const isWindow = (value: unknown): boolean =>
  value === 0 || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max);

export class ChangeTenantDto {
  /**
   * Days that must at least lie between asking for a key's destruction and it: 0, or 7 to 30.
   * @example 7
   */
  @ApiProperty({ type: 'integer', minimum: 0, maximum: max })
  @Complies((value) => (isWindow(value) ? undefined : `must be 0, or ${min} to ${max}`))
  min_deletion_days: number;
}
