import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';

const asList = ({ value }: { value: unknown }): unknown =>
  value === undefined || Array.isArray(value) ? value : [value];

/** The `filter` parameter, alone as /stats takes it. */
export class FilterQueryDto {
  /**
   * Conditions that must all hold, several in one separated by `;`, or the parameter several times.
   * @example ["algorithm[eq]RSA;tags[contains]production"]
   */
  @ApiProperty({ type: [String], required: false })
  @IsOptional()
  @Transform(asList)
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  filter?: string[];
}

export class ListKeysQueryDto extends FilterQueryDto {
  /**
   * Keys on a page, 1 to 200; 25 unless given.
   * @example 10
   */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, required: false })
  @IsOptional()
  @IsString()
  limit?: string;

  /** Another name of `limit`. */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, required: false })
  @IsOptional()
  @IsString()
  page_size?: string;

  /** `next_bookmark` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(16_384)
  bookmark?: string;

  /**
   * creation_ts, updated_ts, name, key_id, algorithm, size or metadata.<path>.
   * @example creation_ts
   */
  @IsOptional()
  @IsString()
  @MaxLength(512)
  sort_by?: string;

  @IsOptional()
  @IsIn(['asc', 'desc'])
  sort_mode?: 'asc' | 'desc';
}
