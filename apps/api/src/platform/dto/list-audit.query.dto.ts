import {
  BookmarkParameter,
  FilterParameter,
  LimitParameter,
  SortModeParameter,
} from '../../edge/listing-parameters.decorator.js';

export class ListAuditQueryDto {
  /** Records on a page, 1 to 200; 25 unless given. */
  @LimitParameter()
  limit?: string;

  @BookmarkParameter()
  bookmark?: string;

  /**
   * Over ts, action, outcome, actor, request_id, key_id and event_id.
   * @example ["action[eq]kms.key.sign;ts[af]2026-11-01"]
   */
  @FilterParameter()
  filter?: string[];

  @SortModeParameter()
  sort_mode?: 'asc' | 'desc';
}
