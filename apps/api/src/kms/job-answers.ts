import type { FastifyReply } from 'fastify';
import type { JobService, JobView } from '#jobs';
import { AppError, newJobId, type RequestContext } from '#kernel';
import type { Idempotency } from '../edge/idempotency.js';

const ASYNC = /(?:^|[,;])\s*respond-async\s*(?:$|[,;])/i;

/** Whether the caller would rather have a job than wait (RFC 7240 §4.1). */
export const prefersAsync = (prefer: string | undefined): boolean =>
  prefer !== undefined && ASYNC.test(prefer);

/** Answers requests with the job that does what they ask for. */
export class JobAnswers {
  constructor(
    private readonly idempotency: Idempotency,
    private readonly jobs: JobService,
  ) {}

  /** Starts one job, under the id given to `start`, however often a request with an `Idempotency-Key` is sent: 202. */
  once(
    ctx: RequestContext,
    reply: FastifyReply,
    start: (jobId: string) => Promise<JobView>,
  ): Promise<JobView> {
    return this.idempotency.answer(ctx, reply, {
      newId: newJobId,
      find: async (jobId) => {
        const job = await this.#find(ctx, jobId);
        return job && this.#accepted(reply, job);
      },
      make: async (jobId) => this.#accepted(reply, await start(jobId)),
    });
  }

  #accepted(reply: FastifyReply, job: JobView): JobView {
    void reply
      .status(202)
      .header('location', `/api/kms/v1/jobs/${job.job_id}`)
      .header('preference-applied', 'respond-async');
    return job;
  }

  async #find(ctx: RequestContext, jobId: string): Promise<JobView | undefined> {
    try {
      return await this.jobs.get(ctx, jobId);
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}
