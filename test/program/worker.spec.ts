import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, createDataSource } from '#database';
import { JobQueue, JobStore, type JobView } from '#jobs';
import { createLogger } from '#observability';
import { DatabaseServer } from './database-server.js';
import { eventually } from '../harness/eventually.js';
import type { HttpClient } from './http-client.js';
import { runCommand } from './run-command.js';
import { Stage, freePort } from './stage.js';
import { BuiltProcess } from './built-process.js';

const MAIN = 'test/program/stepping-worker.mjs';
const KIND = 'test.stepping';

describe('workers beside an API that runs no jobs itself', () => {
  let stage: Stage;
  let server: DatabaseServer;
  let client: HttpClient;
  let database: Database;
  let queue: JobQueue;
  const workers: BuiltProcess[] = [];

  const startWorker = async (): Promise<BuiltProcess> => {
    const port = String(await freePort());
    const worker = await BuiltProcess.worker(MAIN, { ...stage.env, CLAVIGER_PORT: port });
    workers.push(worker);
    return worker;
  };
  const enqueue = (input: object): Promise<JobView> => {
    const permissions = new Set(['kms:keys:write' as const]);
    const principal = { issuer: 'urn:test', subject: 'tester', tenantId: 'acme', permissions };
    const ctx = { tenantId: 'acme', requestId: 'asked', principal };
    return database.transaction(ctx, (tx) =>
      new JobStore(queue).enqueue(tx, ctx, { kind: KIND, input, total: 5 }),
    );
  };
  const get = async (id: string): Promise<JobView> =>
    (await client.must(200, 'GET', `/api/kms/v1/jobs/${id}`)) as JobView;
  const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trim().split('\n');

  beforeAll(async () => {
    server = await DatabaseServer.start();
    const quiet = { CLAVIGER_LOG_LEVEL: 'warn', CLAVIGER_SHUTDOWN_GRACE_S: '4' };
    const env = { DATABASE_URL: server.appUrl, CLAVIGER_JOBS: 'external', ...quiet };
    stage = await Stage.open(env);
    await stage.must(['migrate'], { CLAVIGER_MIGRATION_DATABASE_URL: server.ownerUrl });
    client = await stage.client(await stage.start());
    const source = createDataSource({ url: server.appUrl, poolSize: 2, applicationName: 'test' });
    database = new Database(await source.initialize());
    queue = new JobQueue(
      { redisUrl: undefined, databaseUrl: server.appUrl },
      createLogger({ level: 'silent' }),
    );
  });

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await queue?.close();
    await database?.close();
    await stage?.close();
    await server?.stop();
  });

  it('need a database that is not the API’s own', async () => {
    const { exitCode, err } = await runCommand(process.execPath, [MAIN], {
      CLAVIGER_DATA_DIR: stage.dataDir,
    });
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^claviger: [^]*DATABASE_URL: set it to the PostgreSQL of the API/);
  });

  it('say that they are well where the API says it, and answer nothing else', async () => {
    const worker = await startWorker();
    const answer = async (path: string): Promise<unknown[]> => {
      const response = await fetch(worker.url + path);
      return [response.status, ((await response.json()) as { status: string }).status];
    };
    expect(await answer('/health/live')).toEqual([200, 'ok']);
    expect(await answer('/health/ready')).toEqual([200, 'ok']);
    for (const path of ['/', '/metrics', '/api/kms/v1/jobs'])
      expect(await answer(path)).toEqual([404, 'unknown']);
    expect(await worker.stop()).toBe(0);
    workers.splice(workers.indexOf(worker), 1);
  });

  it('one killed in the middle of a job is succeeded by another, and the job finishes once', async () => {
    const [first] = await Promise.all([startWorker(), startWorker()]);
    const file = join(stage.dataDir, '..', 'steps.txt');
    const { job_id: id } = await enqueue({ file, stall: true });
    await eventually('the job is at its third step', async () => (await get(id)).progress.done === 3);
    // Whichever has it: both are killed, so that nothing goes on but what a third one takes up.
    await Promise.all(workers.map((worker) => worker.kill()));
    expect(first.printed).not.toContain('Error');
    expect((await get(id)).state).toBe('running');
    await startWorker();
    const done = await eventually('the job ends', async () => {
      const job = await get(id);
      return job.state !== 'running' && job.state !== 'queued' && job;
    });
    expect(done).toMatchObject({
      state: 'succeeded',
      result: { attempt: 2 },
      progress: { done: 5, total: 5 },
    });
    expect(linesOf(file)).toEqual(['1 step 1', '1 step 2', '1 step 3', '2 step 4', '2 step 5', '2 end']);
  });

  it('one that is ended hands its job to another at once, and ends well', async () => {
    const file = join(stage.dataDir, '..', 'handed.txt');
    const { job_id: id } = await enqueue({ file, stall: true });
    await eventually('the job is at its third step', async () => (await get(id)).progress.done === 3);
    const holder = workers.at(-1)!;
    await startWorker();
    expect(await holder.stop()).toBe(0);
    await eventually('the job ends', async () => (await get(id)).state === 'succeeded');
    expect(linesOf(file).slice(3)).toEqual(['2 step 4', '2 step 5', '2 end']);
  });
});
