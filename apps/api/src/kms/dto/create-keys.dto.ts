import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { BULK } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';
import { CreateKeyDto } from './create-key.dto.js';

const shortName = (value: unknown): string | undefined =>
  typeof value === 'string' && [...value.slice(0, 2 * BULK.nameLength + 2)].length > BULK.nameLength
    ? `must be at most ${BULK.nameLength} characters here, for a number comes behind it`
    : undefined;

export class CreateKeysDto extends CreateKeyDto {
  /**
   * Name of each key, before a number.
   * @example device
   */
  @ApiProperty({ minLength: 1, maxLength: BULK.nameLength })
  @Complies(shortName)
  declare name: string;

  /**
   * How many keys to make.
   * @example 500
   */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: BULK.max })
  @IsInt()
  @Min(1)
  @Max(BULK.max)
  count: number;
}
