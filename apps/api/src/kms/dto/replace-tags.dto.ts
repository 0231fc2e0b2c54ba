import { ApiProperty } from '@nestjs/swagger';
import { tagsFault } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';

export class ReplaceTagsDto {
  /**
   * Replaces all tags.
   * @example ["production", "updated", "v2", "critical"]
   */
  @ApiProperty({ type: [String], maxItems: 50 })
  @Complies(tagsFault)
  tags: string[];
}
