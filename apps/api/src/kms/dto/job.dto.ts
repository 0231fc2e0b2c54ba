import { ApiProperty } from '@nestjs/swagger';

/** How far a job is, in a unit of its kind. */
export class JobProgressDto {
  /** @example 12 */
  @ApiProperty({ type: 'integer' })
  done: number;
  /** @example 100 */
  @ApiProperty({ type: 'integer' })
  total: number;
}

/** Why a job failed. */
export class JobErrorDto {
  /**
   * An error code, as problem documents have them.
   * @example key_state
   */
  code: string;
  /** @example The key is disabled. */
  detail: string;
}

/** Long work, asked for by a request that has been answered. */
export class JobDto {
  /** @example job-0190f3c2-7b1e-7c3a-9d2f-3b1c5a7e9f01 */
  job_id: string;
  /** @example kms.keys.create */
  kind: string;
  @ApiProperty({ enum: ['queued', 'running', 'succeeded', 'failed', 'cancelled'] })
  state: string;
  progress: JobProgressDto;
  /** What came of it, once it has succeeded; its shape is that of the kind. */
  @ApiProperty({ required: false, description: 'What came of it, once it has succeeded: any JSON.' })
  result?: unknown;
  /** Where it failed. */
  @ApiProperty({ type: JobErrorDto, required: false })
  error?: JobErrorDto;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  created_ts: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  updated_ts: string;
}
