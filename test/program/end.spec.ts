import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import type { HttpAnswer, HttpClient } from './http-client.js';
import type { Program } from './program.js';
import { Stage } from './stage.js';

/** Two are made at a time, in the order of a second each: when the first is there, some are not even begun. */
const REQUESTS = 5;

/** Asks for keys that take long to make; resolves when the first is there, with all answers to come. */
async function requestsUnderWay(client: HttpClient): Promise<Promise<HttpAnswer>[]> {
  const body = { algorithm: 'RSA', size: 4096, name: 'asked for before the end' };
  const answers = Array.from({ length: REQUESTS }, () => client.call('POST', '/api/kms/v1/keys', body));
  await Promise.race(answers);
  return answers;
}

async function isRefused(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

async function signsWith(client: HttpClient, keyId: string): Promise<boolean> {
  const body = { algorithm: 'RSASSA_PSS_SHA_256', message: 'AQID', message_type: 'raw' };
  const { signature } = await client.must(200, 'POST', `/api/kms/v1/keys/${keyId}/sign`, body);
  const question = { ...body, signature };
  return (await client.must(200, 'POST', `/api/kms/v1/keys/${keyId}/verify`, question)).valid;
}

describe('the end of the program', () => {
  let stage: Stage;

  beforeAll(async () => {
    // Enough for a slow machine to make the keys that it was asked for.
    stage = await Stage.open({ CLAVIGER_SHUTDOWN_GRACE_S: '120' });
  });
  afterEach(() => stage.endAll());
  afterAll(() => stage.close());

  it.each<[string, (program: Program) => void]>([
    ['SIGTERM to npm alone', (program) => process.kill(program.npmPid, 'SIGTERM')],
    [
      'Ctrl-C, which is SIGINT to all of the foreground',
      (program) => process.kill(-program.npmPid, 'SIGINT'),
    ],
  ])('by %s answers what is under way, takes no more, and leaves nothing running', async (_, end) => {
    const program = await stage.start({}, { foreground: true });
    const client = await stage.client(program);
    const answers = await requestsUnderWay(client);
    let waiting = REQUESTS;
    for (const answer of answers) void answer.finally(() => (waiting -= 1)).catch(() => undefined);

    end(program);
    await eventually('new connections are refused', () => isRefused(program.url));
    // It was not the end of the work that ended the listening.
    expect(waiting).toBeGreaterThan(0);
    const made = await Promise.all(answers);
    expect(made.map(({ status }) => status)).toEqual(Array(REQUESTS).fill(201));
    await program.ended(10_000);
    await stage.isDeserted(1_000);

    const next = await stage.start();
    const after = await stage.client(next);
    for (const { body } of made) expect(await signsWith(after, body.key_id)).toBe(true);
    expect((await stage.must(['audit', 'verify'])).faults).toEqual([]);
  });

  it('by kill -9 of the printed process leaves nothing running, and the next start takes over', async () => {
    const program = await stage.start();
    const client = await stage.client(program);
    const body = { algorithm: 'RSA', size: 2048, name: 'made before the end' };
    const key = await client.must(201, 'POST', '/api/kms/v1/keys', body);

    process.kill(program.pid, 'SIGKILL');
    expect((await program.ended()).exitCode).not.toBe(0);
    await stage.isDeserted();

    const next = await stage.start();
    expect(await signsWith(await stage.client(next), key.key_id)).toBe(true);
    expect((await stage.must(['audit', 'verify'])).faults).toEqual([]);
  });

  it('by kill -9 is taken over from at once, while its database is still ending', async () => {
    const program = await stage.start();
    process.kill(program.pid, 'SIGKILL');
    const next = await stage.start();
    expect(await stage.clientOf(next).must(200, 'GET', '/health/ready')).toEqual({ status: 'ok' });
    await program.ended();
  });
});
