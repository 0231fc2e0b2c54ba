import { JobDto } from './job.dto.js';

/** A page of jobs. */
export class JobPageDto {
  /** Pass it as `bookmark` for the next page; empty on the last one. */
  next_bookmark: string;
  list: JobDto[];
}
