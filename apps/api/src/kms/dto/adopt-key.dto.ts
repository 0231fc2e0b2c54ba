import { ApiProperty, OmitType } from '@nestjs/swagger';
import { IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { KeyDescriptionDto } from './key-description.dto.js';

/** A key that lives in a device already. */
export class AdoptKeyDto extends OmitType(KeyDescriptionDto, ['engine_id'] as const) {
  /**
   * The device's own name for it, as `GET /engines/{id}/objects` shows it.
   * @example 5f3a0c
   */
  @ApiProperty({ minLength: 1, maxLength: 2_048 })
  @IsString()
  @MinLength(1)
  @MaxLength(2_048)
  object_id: string;

  /**
   * Whose it shall be.
   * @example acme
   */
  @IsString()
  @Matches(/^[a-z0-9-]{1,63}$/, { message: 'tenant_id must be the id of a tenant' })
  tenant_id: string;
}

/** What a device holds, and what Claviger knows of it. */
export class HeldKeyDto {
  object_id: string;
  label: string;
  algorithm?: string;
  @ApiProperty({ type: 'integer' })
  size?: number;
  /** `orphan`: made by Claviger, and there is no key of it; `foreign`: made by somebody else. */
  @ApiProperty({ enum: ['known', 'orphan', 'foreign'] })
  status: string;
  tenant_id?: string;
  key_id?: string;
}
