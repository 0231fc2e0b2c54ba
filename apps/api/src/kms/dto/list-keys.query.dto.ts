import {
  BookmarkParameter,
  FilterParameter,
  LimitParameter,
  SortByParameter,
  SortModeParameter,
} from '../../edge/listing-parameters.decorator.js';

/** The `filter` parameter, alone as /stats takes it. */
export class FilterQueryDto {
  /**
   * Conditions that must all hold, several in one separated by `;`, or the parameter several times.
   * @example ["algorithm[eq]RSA;tags[contains]production"]
   */
  @FilterParameter()
  filter?: string[];
}

export class ListKeysQueryDto extends FilterQueryDto {
  /**
   * Keys on a page, 1 to 200; 25 unless given.
   * @example 10
   */
  @LimitParameter()
  limit?: string;

  /** Another name of `limit`. */
  @LimitParameter()
  page_size?: string;

  /** `next_bookmark` of the page before. */
  @BookmarkParameter()
  bookmark?: string;

  /**
   * creation_ts, updated_ts, name, key_id, algorithm, size or metadata.<path>.
   * @example creation_ts
   */
  @SortByParameter()
  sort_by?: string;

  @SortModeParameter()
  sort_mode?: 'asc' | 'desc';
}
