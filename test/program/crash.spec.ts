import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import type { HttpClient } from './http-client.js';
import { isDatabase, killNow, processesOn } from './process-census.js';
import { Stage } from './stage.js';

const KEYS = '/api/kms/v1/keys';
const MESSAGE = { algorithm: 'ECDSA_SHA_256', message: 'AQID', message_type: 'raw' };
/** As many requests are under way at any time, half of them creating and half of them signing. */
const CLIENTS = 200;

/** How much is answered before each crash, and which processes it takes. */
const ROUNDS: [number, (server: number, dataDir: string) => number[]][] = [
  [1, (server) => [server]],
  [300, (server) => [server]],
  [
    1_000,
    (server, dataDir) => [
      server,
      ...processesOn(dataDir)
        .filter(isDatabase)
        .map(({ pid }) => pid),
    ],
  ],
];

/** What was answered, by the ids that its requests bore. */
interface Answered {
  /** Request id → key id. */
  readonly created: Map<string, string>;
  /** Request id → signature. */
  readonly signed: Map<string, string>;
}

/** Creates and signs until the server is gone. Resolves then; rejects where it answers anything but success. */
async function work(client: HttpClient, keyId: string, creates: boolean, answered: Answered): Promise<void> {
  for (;;) {
    const requestId = randomUUID();
    const [path, body, status] = creates
      ? ([KEYS, { algorithm: 'ECDSA', size: 256, name: requestId }, 201] as const)
      : ([`${KEYS}/${keyId}/sign`, MESSAGE, 200] as const);
    const answer = await client
      .call('POST', path, body, { 'x-request-id': requestId })
      .catch(() => undefined);
    if (!answer) return;
    if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${answer.body?.detail}`);
    if (creates) answered.created.set(requestId, answer.body.key_id);
    else answered.signed.set(requestId, answer.body.signature);
  }
}

/** The request ids that the tenant's audit log has for an action. */
async function recorded(client: HttpClient, action: string): Promise<Set<string>> {
  const ids = new Set<string>();
  const first = `/api/platform/v1/audit?limit=200&filter=${encodeURIComponent(`action[eq]${action}`)}`;
  for (let path = first; ;) {
    const page = await client.must(200, 'GET', path);
    for (const event of page.list) ids.add(event.request_id);
    if (page.next_bookmark === '') return ids;
    path = `/api/platform/v1/audit?bookmark=${encodeURIComponent(page.next_bookmark)}`;
  }
}

/** Runs `check` for all of them, some at a time. */
async function forEach<T>(all: Iterable<T>, check: (one: T) => Promise<void>): Promise<void> {
  const iterator = all[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await check(next.value);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

describe('kill -9 amid 200 concurrent creates and signs', () => {
  let stage: Stage;
  let checkpoints: string;
  const answered: Answered = { created: new Map(), signed: new Map() };
  let keyId: string;
  let after: HttpClient;

  beforeAll(async () => {
    stage = await Stage.open({ CLAVIGER_LOG_LEVEL: 'warn' });
    checkpoints = join(stage.dataDir, 'checkpoints.jsonl');
    stage.env.CLAVIGER_AUDIT_CHECKPOINT_FILE = checkpoints;
    // Every start but the first is after a crash. How much is answered before it differs, and so does what is under way.
    for (const [before, victims] of ROUNDS) {
      const program = await stage.start();
      const client = await stage.client(program);
      keyId ??= (await client.must(201, 'POST', KEYS, { algorithm: 'ECDSA', size: 256, name: 'signer' }))
        .key_id;
      const count = (): number => answered.created.size + answered.signed.size;
      const start = count();
      const busy = Promise.all(
        Array.from({ length: CLIENTS }, (_, n) => work(client, keyId, n % 2 === 0, answered)),
      );
      await Promise.race([busy, eventually('enough is answered', () => count() - start >= before, 60_000)]);
      killNow(victims(program.pid, stage.dataDir));
      await busy;
      await program.ended();
    }
    after = await stage.client(await stage.start());
  });
  afterAll(() => stage.close());

  it('loses no key whose creation was answered, and each signs', async () => {
    expect(answered.created.size).toBeGreaterThan(100);
    await forEach(answered.created, async ([requestId, id]) => {
      expect(await after.must(200, 'GET', `${KEYS}/${id}`)).toMatchObject({
        name: requestId,
        state: 'enabled',
      });
      const { signature } = await after.must(200, 'POST', `${KEYS}/${id}/sign`, MESSAGE);
      const verdict = await after.must(200, 'POST', `${KEYS}/${id}/verify`, { ...MESSAGE, signature });
      expect(verdict.valid).toBe(true);
    });
  });

  it('has an audit record of every signature and every creation that was answered', async () => {
    expect(answered.signed.size).toBeGreaterThan(100);
    for (const [action, requests] of [
      ['kms.key.sign', answered.signed],
      ['kms.key.create', answered.created],
    ] as const) {
      const ids = await recorded(after, action);
      expect([...requests.keys()].filter((id) => !ids.has(id))).toEqual([]);
    }
  });

  it('leaves an audit log that is whole, also against the checkpoints kept beside it', async () => {
    const inside = await stage.must(['audit', 'verify']);
    expect(inside.faults).toEqual([]);
    expect(inside.records).toBeGreaterThan(answered.created.size + answered.signed.size);
    const held = await stage.must(['audit', 'verify', '--checkpoints', checkpoints]);
    expect(held.faults).toEqual([]);
    expect(held.checkpoints).toBeGreaterThan(inside.checkpoints);
  });
});
