import { sha256 } from '#crypto';
import type { Database } from '#database';
import type { JobKind, JobRun, JobStore, JobView } from '#jobs';
import { AppError, invalidMember, newKeyId, type RequestContext } from '#kernel';
import type { CreateKeyInput, KeyCreationService } from './key-creation.service.js';
import type { Destruction, KeyDestructionService } from './key-destruction.service.js';
import type { KeyLifecycleService } from './key-lifecycle.service.js';
import type { KeyReadingService } from './key-reading.service.js';
import { LIMITS } from './key-rules.js';
import { listMadeKeys } from './key.repository.js';

export interface CreateKeysInput extends CreateKeyInput {
  /** 1 to 10,000. */
  readonly count: number;
}

export const BULK = Object.freeze({ max: 10_000, nameLength: 249 });

/** Keys of a bulk that are made at once: a device has other work as well. */
const AT_ONCE = 4;
/** Between two notes of the progress there are so many at most … */
const MOST_IN_A_CHUNK = 32;
/** … and as many as take about so long, since a job gives way to others where it notes its progress. */
const CHUNK_MS = 500;

/** How a job is asked for; `jobId` is chosen beforehand by who may ask again. */
interface Asked<Input> {
  readonly input: Input;
  readonly jobId?: string;
}

interface CreateWork {
  readonly keyId: string;
  readonly key: CreateKeyInput;
}

interface RotateWork {
  readonly keyId: string;
  readonly successorId: string;
}

/**
 * The id of one key of a bulk: a UUIDv7 of the job's time whose random bits are those of a hash, so that every attempt
 * finds what an earlier one made.
 */
export function bulkKeyId(jobId: string, index: number): string {
  const time = jobId.slice('job-'.length, 'job-'.length + 13);
  const bits = sha256(`${jobId}/${index}`).toString('hex');
  const variant = '89ab'[Number.parseInt(bits[3]!, 16) % 4]!;
  return `key-${time}-7${bits.slice(0, 3)}-${variant}${bits.slice(4, 7)}-${bits.slice(8, 20)}`;
}

/** What every key of a bulk is tagged with, and found by. */
export const bulkTag = (jobId: string): string => `bulk:${jobId}`;

/** Work on keys that a device may take long for, as jobs. What is asked is checked before there is a job. */
export class KeyJobs {
  constructor(
    private readonly database: Database,
    private readonly store: JobStore,
    private readonly reading: KeyReadingService,
    private readonly creation: KeyCreationService,
    private readonly lifecycle: KeyLifecycleService,
    private readonly destruction: KeyDestructionService,
  ) {}

  /** Throws as `KeyCreationService.create`, and `rate_limited` where the tenant has too many jobs. */
  async createKey(ctx: RequestContext, { input, jobId }: Asked<CreateKeyInput>): Promise<JobView> {
    await this.creation.check(ctx, input);
    const work: CreateWork = { keyId: newKeyId(), key: input };
    return this.#enqueue(ctx, { kind: 'kms.key.create', input: work, ...(jobId && { jobId }) });
  }

  /** Each has a number behind its name, and the tag `bulkTag`. Throws as `createKey`. */
  async createKeys(ctx: RequestContext, { input, jobId }: Asked<CreateKeysInput>): Promise<JobView> {
    const tags = new Set(input.tags ?? []);
    if (tags.size >= LIMITS.tags) {
      throw invalidMember('tags', `must have fewer than ${LIMITS.tags} items here`);
    }
    await this.creation.check(ctx, input);
    const job = { kind: 'kms.key.create-bulk', input, total: input.count, ...(jobId && { jobId }) };
    return this.#enqueue(ctx, job);
  }

  /** Throws as `KeyLifecycleService.rotate`, but for what comes between now and then. */
  async rotate(
    ctx: RequestContext,
    { input: ref, jobId }: Asked<string>,
    ifMatch?: string,
  ): Promise<JobView> {
    const key = await this.lifecycle.checkRotation(ctx, ref, ifMatch);
    const work: RotateWork = { keyId: key.keyId, successorId: newKeyId() };
    return this.#enqueue(ctx, { kind: 'kms.key.rotate', input: work, ...(jobId && { jobId }) });
  }

  /** Throws `not_found`, `stale_version`. The key signs until the job is run. */
  async destroy(ctx: RequestContext, ref: string, ifMatch?: string): Promise<JobView> {
    const { keyId } = await this.destruction.check(ctx, ref, ifMatch);
    return this.#enqueue(ctx, { kind: 'kms.key.destroy', input: { keyId } });
  }

  /** What the processes that run jobs are told to run. */
  get kinds(): readonly JobKind[] {
    return [
      { kind: 'kms.key.create', run: (job) => this.#create(job.ctx, job.input as CreateWork) },
      { kind: 'kms.key.create-bulk', maxFailures: 100, run: (job) => this.#createMany(job) },
      { kind: 'kms.key.rotate', run: (job) => this.#rotate(job.ctx, job.input as RotateWork) },
      { kind: 'kms.key.destroy', run: (job) => this.#destroy(job.ctx, job.input as { keyId: string }) },
    ];
  }

  #enqueue(ctx: RequestContext, request: Parameters<JobStore['enqueue']>[2]): Promise<JobView> {
    return this.database.transaction(ctx, (tx) => this.store.enqueue(tx, ctx, request));
  }

  async #create(ctx: RequestContext, { keyId, key }: CreateWork): Promise<{ key_id: string }> {
    const made = await this.reading.findMade(ctx, keyId);
    if (!made) await this.creation.create(ctx, key, keyId);
    return { key_id: keyId };
  }

  async #createMany(job: JobRun): Promise<{ keys: number; tag: string }> {
    const { count, ...key } = job.input as CreateKeysInput;
    const tag = bulkTag(job.jobId);
    const described = { ...key, tags: [...new Set([...(key.tags ?? []), tag])] };
    let chunk = AT_ONCE;
    for (let done = job.done; done < count;) {
      const indices = Array.from({ length: Math.min(chunk, count - done) }, (_, at) => done + at);
      const sinceMs = performance.now();
      await this.#createMissing(job, indices, described);
      done += indices.length;
      await job.progress(done);
      const wasQuick = performance.now() - sinceMs < CHUNK_MS;
      chunk = wasQuick ? Math.min(chunk * 2, MOST_IN_A_CHUNK) : AT_ONCE;
    }
    return { keys: count, tag };
  }

  /** An attempt before may have made some of them. */
  async #createMissing(job: JobRun, indices: readonly number[], key: CreateKeyInput): Promise<void> {
    const { ctx, jobId } = job;
    const ids = indices.map((index) => bulkKeyId(jobId, index));
    const made = new Set(await this.database.transaction(ctx, (tx) => listMadeKeys(tx, ctx.tenantId, ids)));
    const missing = indices.filter((index) => !made.has(bulkKeyId(jobId, index)));
    const makeRest = async (): Promise<void> => {
      for (let index = missing.shift(); index !== undefined; index = missing.shift()) {
        await this.creation.create(
          ctx,
          { ...key, name: `${key.name}-${index + 1}` },
          bulkKeyId(jobId, index),
        );
      }
    };
    // All have ended before this does: no attempt works on behind the back of the next.
    const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, makeRest));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #rotate(ctx: RequestContext, { keyId, successorId }: RotateWork): Promise<{ key_id: string }> {
    const made = await this.reading.findMade(ctx, successorId);
    if (!made) await this.lifecycle.rotate(ctx, keyId, undefined, successorId);
    return { key_id: successorId };
  }

  async #destroy(ctx: RequestContext, { keyId }: { keyId: string }): Promise<Destruction> {
    try {
      return await this.destruction.destroy(ctx, keyId);
    } catch (error) {
      // It was the attempt before that did it.
      if (error instanceof AppError && error.code === 'not_found') return { status: 'deleted' };
      throw error;
    }
  }
}
