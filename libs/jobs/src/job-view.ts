import type { JobRow, JobState } from './job-row.js';

/** A job as the API shows it. Its input is never shown. */
export interface JobView {
  job_id: string;
  kind: string;
  state: JobState;
  /** In the kind's own unit. */
  progress: { done: number; total: number };
  /** What its kind made of it, once it has succeeded. */
  result?: unknown;
  /** Why it failed, as a problem document would say it. */
  error?: { code: string; detail: string };
  created_ts: string;
  updated_ts: string;
}

export const viewJob = (row: JobRow): JobView => ({
  job_id: row.job_id,
  kind: row.kind,
  state: row.state,
  progress: { done: row.progress_done, total: row.progress_total },
  ...(row.state === 'succeeded' && { result: row.result }),
  ...(row.error_code !== null && { error: { code: row.error_code, detail: row.error_detail ?? '' } }),
  created_ts: row.created_ts.toISOString(),
  updated_ts: row.updated_ts.toISOString(),
});

/** Whether nothing can happen to it any more. */
export const isFinished = ({ state }: Pick<JobView, 'state'>): boolean =>
  state !== 'queued' && state !== 'running';
