import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { DELETION_WINDOW_DAYS } from '#keys';

const { min, max } = DELETION_WINDOW_DAYS;

export class DeleteKeyQueryDto {
  /** Days until the destruction, in which it can be called off; absent: at once. */
  @ApiProperty({ type: 'integer', minimum: min, maximum: max })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value,
  )
  @IsInt()
  @Min(min)
  @Max(max)
  pending_window_days?: number;
}

export class DestructionDto {
  @ApiProperty({ enum: ['deleted', 'pending_deletion'] })
  status: string;
  /** When a key that waits for it is destroyed. */
  @ApiProperty({ format: 'date-time' })
  deletion_ts?: string;
}
