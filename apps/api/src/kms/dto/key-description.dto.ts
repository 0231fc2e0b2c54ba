import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { metadataFault, nameFault, tagsFault } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';

/** What describes a key and is chosen by its owner. */
export class KeyDescriptionDto {
  /**
   * Human-readable name, 1 to 255 characters.
   * @example my-new-signing-key
   */
  @ApiProperty({ minLength: 1, maxLength: 255 })
  @Complies(nameFault)
  name: string;

  /**
   * Engine to hold the key; the default engine unless given.
   * @example software
   */
  @IsOptional()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { message: 'engine_id must be the id of an engine' })
  engine_id?: string;

  /**
   * At most 50 tags of 1 to 128 characters.
   * @example ["production", "signing"]
   */
  @ApiProperty({ type: [String], maxItems: 50 })
  @IsOptional()
  @Complies(tagsFault)
  tags?: string[];

  /**
   * A JSON object of at most 16 KiB and depth 8.
   * @example { "purpose": "certificate-signing", "owner": "pki-team" }
   */
  @ApiProperty({ type: 'object', additionalProperties: true })
  @IsOptional()
  @Complies(metadataFault)
  metadata?: Record<string, unknown>;
}
