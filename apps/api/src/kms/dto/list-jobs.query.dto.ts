import {
  BookmarkParameter,
  FilterParameter,
  LimitParameter,
  SortByParameter,
  SortModeParameter,
} from '../../edge/listing-parameters.decorator.js';

export class ListJobsQueryDto {
  /**
   * Conditions over job_id, kind, state, created_ts and updated_ts that must all hold.
   * @example ["state[in]queued,running"]
   */
  @FilterParameter()
  filter?: string[];

  /**
   * Jobs on a page, 1 to 200; 25 unless given.
   * @example 10
   */
  @LimitParameter()
  limit?: string;

  /** `next_bookmark` of the page before. */
  @BookmarkParameter()
  bookmark?: string;

  /**
   * created_ts, updated_ts or job_id.
   * @example created_ts
   */
  @SortByParameter()
  sort_by?: string;

  @SortModeParameter()
  sort_mode?: 'asc' | 'desc';
}
