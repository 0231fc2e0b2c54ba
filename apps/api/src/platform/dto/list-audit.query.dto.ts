import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';

export class ListAuditQueryDto {
  /** Records on a page, 1 to 200; 25 unless given. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, required: false })
  @IsOptional()
  @IsString()
  limit?: string;

  @IsOptional()
  @IsString()
  @MaxLength(16_384)
  bookmark?: string;

  /**
   * Over ts, action, outcome, actor, request_id, key_id and event_id.
   * @example ["action[eq]kms.key.sign;ts[af]2026-11-01"]
   */
  @ApiProperty({ type: [String], required: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) =>
    value === undefined || Array.isArray(value) ? value : [value],
  )
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  filter?: string[];

  @IsOptional()
  @IsIn(['asc', 'desc'])
  sort_mode?: 'asc' | 'desc';
}
