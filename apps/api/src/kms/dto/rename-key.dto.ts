import { ApiProperty } from '@nestjs/swagger';
import { nameFault } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';

export class RenameKeyDto {
  /**
   * The new name, 1 to 255 characters.
   * @example updated-key-name
   */
  @ApiProperty({ minLength: 1, maxLength: 255 })
  @Complies(nameFault)
  name: string;
}
