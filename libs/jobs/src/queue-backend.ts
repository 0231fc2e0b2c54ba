import {
  createPostgresBackend,
  withBackend,
  Queue as RedisQueue,
  Worker as RedisWorker,
  type PostgresConnectionOptions,
  type Processor,
} from 'bullmq';
import { Redis } from 'ioredis';

/** What tells processes of jobs: a Redis where there is one, else the database that the jobs are in. */
export interface QueueBackend {
  /** `redis://` or `rediss://`, with its credentials. */
  readonly redisUrl: string | undefined;
  /** The application role's. */
  readonly databaseUrl: string;
}

/** All that a queue is told: whose turn it is. Which of the tenant's jobs is run, its rows say. */
export interface Delivery {
  readonly tenantId: string;
}

/** The schema that BullMQ has to itself. */
export const QUEUE_SCHEMA = 'bullmq';
const QUEUE_NAME = 'jobs';
/** What the names of all keys in Redis begin with. */
const PREFIX = 'claviger';
/** BullMQ keeps a log of events, which nobody reads here. */
const STREAMS = { events: { maxLen: 100 } };

const Postgres = withBackend(createPostgresBackend);

const postgres = (backend: QueueBackend, max: number): PostgresConnectionOptions => ({
  connectionString: backend.databaseUrl,
  schema: QUEUE_SCHEMA,
  max,
  application_name: 'claviger-jobs',
  connectionTimeoutMillis: 5_000,
  idleTimeoutMillis: 60_000,
  keepAlive: true,
});

/** A client for adding to the queue: what cannot be sent now fails now, because the sweeper tries again anyway. */
export const openRedis = (url: string): Redis =>
  new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    keepAlive: 10_000,
    connectionName: 'claviger-jobs',
  });

/** The sending end. A Redis is the caller's to close, after the queue. */
export const openQueue = (backend: QueueBackend, redis: Redis | undefined): RedisQueue<Delivery> =>
  redis
    ? new RedisQueue<Delivery>(QUEUE_NAME, { connection: redis, prefix: PREFIX, streams: STREAMS })
    : // Both are the same class; only the types of their connections differ.
      (new Postgres.Queue(QUEUE_NAME, {
        connection: postgres(backend, 2),
        streams: STREAMS,
      }) as unknown as RedisQueue<Delivery>);

/** The receiving end, not yet running. A delivery is done with when its processor ends, however it ends. */
export function openReceiver(
  backend: QueueBackend,
  concurrency: number,
  processor: Processor<unknown, boolean>,
): RedisWorker<unknown, boolean> {
  const options = {
    autorun: false,
    concurrency,
    // A delivery whose receiver was killed comes to another one after this time, more or less.
    lockDuration: 10_000,
    stalledInterval: 5_000,
    // How often that may happen is for the job's row to say.
    maxStalledCount: 1_000,
    runRetryDelay: 1_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
  const { redisUrl } = backend;
  if (redisUrl === undefined) {
    const worker = new Postgres.Worker(QUEUE_NAME, processor, {
      ...options,
      connection: postgres(backend, 2),
    });
    return worker as unknown as RedisWorker<unknown, boolean>;
  }
  const connection = { url: redisUrl, maxRetriesPerRequest: null, connectTimeout: 5_000, keepAlive: 10_000 };
  return new RedisWorker(QUEUE_NAME, processor, { ...options, connection, prefix: PREFIX });
}
