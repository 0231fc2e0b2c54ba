import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';

export class ListJobsQueryDto {
  /**
   * Conditions over job_id, kind, state, created_ts and updated_ts that must all hold.
   * @example ["state[in]queued,running"]
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

  /**
   * Jobs on a page, 1 to 200; 25 unless given.
   * @example 10
   */
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, required: false })
  @IsOptional()
  @IsString()
  limit?: string;

  /** `next_bookmark` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(16_384)
  bookmark?: string;

  /**
   * created_ts, updated_ts or job_id.
   * @example created_ts
   */
  @IsOptional()
  @IsString()
  @MaxLength(512)
  sort_by?: string;

  @IsOptional()
  @IsIn(['asc', 'desc'])
  sort_mode?: 'asc' | 'desc';
}
