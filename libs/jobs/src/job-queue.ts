import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from '#observability';
import { openQueue, openRedis, type Delivery, type QueueBackend } from './queue-backend.js';

/** So many may be on their way to the queue; further ones wait for the sweeper. */
const MOST_PENDING = 1_000;
/** How long the end of a process waits for a queue that is away. */
const PARTING_MS = 2_000;

/**
 * The sending end of the queue that tells processes of jobs. It carries tenants' ids only, and it is allowed to lose them: what
 * it is not told, or forgets, the sweeper tells it again.
 */
export class JobQueue {
  readonly #redis: Redis | undefined;
  #queue: ReturnType<typeof openQueue> | undefined;
  readonly #pending = new Set<Promise<void>>();
  #closed = false;

  constructor(
    private readonly backend: QueueBackend,
    private readonly logger: Logger,
  ) {
    if (backend.redisUrl !== undefined) this.#redis = this.#connect(backend.redisUrl);
  }

  /** Whether it can be told anything now. Where the database is the queue, whoever asks that knows. */
  get reachable(): boolean {
    return this.#redis === undefined || this.#redis.status === 'ready';
  }

  /**
   * Tells the queue that a tenant has a job to be run, without waiting and without failing. `place` is how many others
   * of the tenant come before: the less, the sooner it is delivered, so that a tenant with many jobs does not keep the
   * others waiting. A tenant has one delivery at a place, however often it is told of, and one more for each `jobId`.
   */
  dispatch(tenantId: string, place: number, jobId?: string): void {
    if (this.#closed || !this.reachable || this.#pending.size >= MOST_PENDING) return;
    const adding = this.#add(tenantId, place, jobId ?? `${tenantId}.${place}`)
      .catch((error: unknown) => {
        this.logger.warn({ err: error, tenant: tenantId }, 'job not told to the queue');
      })
      .finally(() => this.#pending.delete(adding));
    this.#pending.add(adding);
  }

  /** Resolves once the queue has what it was told, or a little later where it is away. It is told nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    const parting = Promise.all(this.#pending).then(() => this.#queue?.close());
    await Promise.race([parting, delay(PARTING_MS, undefined, { ref: false })]);
    this.#redis?.disconnect();
  }

  async #add(tenantId: string, priority: number, id: string): Promise<void> {
    const queue = (this.#queue ??= this.#open());
    try {
      await queue.waitUntilReady();
    } catch (error) {
      // It remembers that it failed; the next one tries anew.
      if (this.#queue === queue) this.#queue = undefined;
      await queue.close().catch(() => undefined);
      throw error;
    }
    const delivery: Delivery = { tenantId };
    await queue.add('job', delivery, { jobId: id, priority, removeOnComplete: true, removeOnFail: true });
  }

  #open(): ReturnType<typeof openQueue> {
    // Whoever adds is told of what fails; without a listener it would end the process.
    return openQueue(this.backend, this.#redis).on('error', () => undefined);
  }

  #connect(url: string): Redis {
    const redis = openRedis(url);
    let told = false;
    redis.on('ready', () => {
      if (told) this.logger.info('the Redis of the jobs is reachable again');
      told = false;
    });
    // Told once, not at every attempt to reconnect.
    redis.on('error', (error) => {
      if (!told) this.logger.warn({ err: error }, 'the Redis of the jobs is not reachable');
      told = true;
    });
    return redis;
  }
}
