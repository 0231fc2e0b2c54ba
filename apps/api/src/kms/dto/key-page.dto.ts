import { KeyDto } from './key.dto.js';

/** A page of keys. */
export class KeyPageDto {
  /** Pass it as `bookmark` for the next page; empty on the last one. */
  next_bookmark: string;
  list: KeyDto[];
}
