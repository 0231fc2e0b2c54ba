import { execFileSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { SOFTHSM_MODULE } from '../harness/softhsm.js';
import { Chance } from './chance.js';
import { ChaosStage, ENGINE, PARTS, TENANT, type Part } from './chaos-stage.js';
import { SigningTraffic } from './signing-traffic.js';

const KMS = '/api/kms/v1';
const P256 = { algorithm: 'ECDSA', size: 256 };
/** Keys of one job. */
const BULK = 500;
const KILLS = Number(process.env['CHAOS_KILLS'] ?? 5);
const SEED = Number(process.env['CHAOS_SEED'] ?? randomInt(2 ** 31));
/** The longest from one kill to the next, where it does not wait for the job to move. */
const WITHIN_MS = 3_000;
/** Leases run out, pauses after failures end, and then there is the work. */
const JOB_WITHIN_MS = 300_000;
/** Intents outlive their makers by half a minute, and are looked for every five seconds. */
const RECONCILED_WITHIN_MS = 90_000;

interface Job {
  job_id: string;
  state: string;
  progress: { done: number; total: number };
  result?: { keys: number; tag: string };
}

interface TokenObject {
  class: string;
  id: string;
  label: string;
}

const isOver = ({ state }: Job): boolean => state !== 'queued' && state !== 'running';
const labelOf = (keyId: string): string => `claviger/${TENANT}/${keyId}`;

describe(`kill -9, ${KILLS} times, while keys are made in a token (seed ${SEED})`, () => {
  const chance = new Chance(SEED);
  const victims: Part[] = chance.deal(PARTS, KILLS);
  const jobIds: string[] = [];
  const jobs: Job[] = [];
  let chaos: ChaosStage;
  let traffic: SigningTraffic;
  let database: pg.Client;
  /** Ids of the keys that there are, by their rows. */
  let rows: string[];
  let objects: TokenObject[];

  const jobOf = (id: string): Promise<Job> => chaos.patiently(200, 'GET', `${KMS}/jobs/${id}`);
  const create = (more: object): Promise<{ key_id: string; public_key: string }> =>
    chaos.patiently(201, 'POST', `${KMS}/keys`, { name: 'signer', ...P256, ...more });

  /** One is always under way. Asked for in the midst of it all, and never twice. */
  async function requestBulk(): Promise<string> {
    const body = { ...P256, name: 'sensor', engine_id: ENGINE, count: BULK };
    const once = { 'idempotency-key': randomUUID() };
    const job: Job = await chaos.patiently(202, 'POST', `${KMS}/keys/bulk`, body, once);
    jobIds.push(job.job_id);
    return job.job_id;
  }

  /** Half of the time whenever, half of the time not before the job has moved. */
  async function untilNextKill(jobId: string): Promise<void> {
    const moves = chance.next() < 0.5;
    const { progress } = await jobOf(jobId);
    await delay(chance.below(WITHIN_MS));
    if (!moves) return;
    await eventually(
      `job ${jobId} goes on`,
      async () => {
        const now = await jobOf(jobId);
        return now.progress.done > progress.done || isOver(now);
      },
      JOB_WITHIN_MS,
    );
  }

  async function wreak(): Promise<void> {
    let jobId = await requestBulk();
    for (const [at, victim] of victims.entries()) {
      if (isOver(await jobOf(jobId))) jobId = await requestBulk();
      await untilNextKill(jobId);
      const since = process.uptime();
      await chaos.kill(victim, chance);
      const tookS = (process.uptime() - since).toFixed(1);
      process.stderr.write(`${since.toFixed(0)} s, kill ${at + 1}: ${victim}, back after ${tookS} s\n`);
    }
    for (const id of jobIds) {
      const what = (): string => `job ${id} ends`;
      const ended = async (): Promise<Job | false> => jobOf(id).then((job) => isOver(job) && job);
      jobs.push(await eventually(what, ended, JOB_WITHIN_MS));
    }
  }

  function listToken(): TokenObject[] {
    const { environment, pin } = chaos.softHsm;
    const text = execFileSync(process.execPath, ['test/chaos/token-objects.mjs', SOFTHSM_MODULE], {
      env: { ...process.env, ...environment },
      input: pin,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    return JSON.parse(text) as TokenObject[];
  }

  const listRows = async (): Promise<string[]> => {
    const text = `SELECT key_id FROM kms_key WHERE engine_id = $1 AND state <> 'destroyed'`;
    return (await database.query<{ key_id: string }>(text, [ENGINE])).rows.map((row) => row.key_id);
  };

  beforeAll(
    async () => {
      chaos = await ChaosStage.open();
      traffic = new SigningTraffic(chaos.client);
      traffic.begin(await create({}));
      traffic.begin(await create({ engine_id: ENGINE }));
      await wreak();
      await traffic.end();
      database = new pg.Client(chaos.database.superuserUrl);
      await database.connect();
      await eventually(
        'what was left halfway is brought to its end',
        async () => (await database.query('SELECT 1 FROM key_intent')).rowCount === 0,
        RECONCILED_WITHIN_MS,
      );
      rows = await listRows();
      objects = listToken();
      process.stderr.write(
        `${jobs.length} jobs, ${rows.length} keys, ${traffic.good} signatures looked at\n`,
      );
    },
    KILLS * 40_000 + 600_000,
  );

  afterAll(async () => {
    await database?.end();
    await chaos?.close();
  });

  it('killed each part as often as any other', () => {
    expect(new Set(victims).size).toBe(Math.min(KILLS, PARTS.length));
  });

  it('let no wrong signature leave, and answered nothing but success or that something is away', () => {
    expect(traffic.good).toBeGreaterThan(10 * KILLS);
    expect(traffic.wrong).toEqual([]);
    expect(traffic.unexpected).toEqual([]);
  });

  it('finished each job once', () => {
    for (const job of jobs) {
      const result = { keys: BULK, tag: `bulk:${job.job_id}` };
      expect(job).toMatchObject({ state: 'succeeded', progress: { done: BULK, total: BULK }, result });
      const endings = chaos.printed
        .split('\n')
        .filter(
          (line) => line.includes(`"job_id":"${job.job_id}"`) && line.includes('"outcome":"succeeded"'),
        );
      expect(endings.length).toBeLessThanOrEqual(1);
    }
  });

  it('made exactly the keys that were asked for, each recorded once', async () => {
    for (const { job_id: id } of jobs) {
      const text = `SELECT name, fingerprint FROM kms_key WHERE tenant_id = $1 AND $2 = ANY(tags)`;
      const made = await database.query<{ name: string; fingerprint: string }>(text, [TENANT, `bulk:${id}`]);
      const names = Array.from({ length: BULK }, (_, index) => `sensor-${index + 1}`);
      expect(made.rows.map(({ name }) => name).sort()).toEqual(names.sort());
      expect(new Set(made.rows.map(({ fingerprint }) => fingerprint)).size).toBe(BULK);
    }
    expect(rows).toHaveLength(jobs.length * BULK + 1);
    const records = await database.query<{ key_id: string }>(
      `SELECT key_id FROM audit_event WHERE tenant_id = $1 AND action = 'kms.key.create' AND key_id = ANY($2)`,
      [TENANT, rows],
    );
    expect(records.rows.map((row) => row.key_id).sort()).toEqual([...rows].sort());
  });

  it('left no object in the token without a row, and no row without both halves of its key', () => {
    const labels = rows.map(labelOf).sort();
    for (const half of ['private', 'public']) {
      const held = objects.filter((one) => one.class === half);
      expect(held.map(({ label }) => label).sort()).toEqual(labels);
    }
    expect(objects).toHaveLength(2 * rows.length);
  });

  it('left an audit log that is whole', async () => {
    expect((await chaos.stage.must(['audit', 'verify'])).faults).toEqual([]);
  });

  it('left keys that sign', async () => {
    for (const id of chance.deal(rows, Math.min(20, rows.length))) {
      const body = { algorithm: 'ECDSA_SHA_256', message: 'AQID' };
      const { signature } = await chaos.patiently(200, 'POST', `${KMS}/keys/${id}/sign`, body);
      const question = { ...body, signature };
      const verdict = await chaos.patiently(200, 'POST', `${KMS}/keys/${id}/verify`, question);
      expect(verdict.valid).toBe(true);
    }
  });
});
