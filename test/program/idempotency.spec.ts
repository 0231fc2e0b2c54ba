import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseServer } from './database-server.js';
import { eventually } from '../harness/eventually.js';
import type { HttpAnswer, HttpClient } from './http-client.js';
import { killNow } from './process-census.js';
import type { Program } from './program.js';
import { Stage, freePort } from './stage.js';

const KEYS = '/api/kms/v1/keys';
const BODY = { algorithm: 'RSA', size: 2048, name: 'once' };
/** Any number: who holds this lock keeps answers from being stored. */
const GATE = 7_411;

describe('requests with an Idempotency-Key', () => {
  let stage: Stage;
  let database: DatabaseServer;
  let programs: Program[];
  let clients: HttpClient[];
  let admin: pg.Client;

  beforeAll(async () => {
    database = await DatabaseServer.start();
    stage = await Stage.open({ DATABASE_URL: database.appUrl, CLAVIGER_LOG_LEVEL: 'warn' });
    await stage.must(['migrate'], { CLAVIGER_MIGRATION_DATABASE_URL: database.ownerUrl });
    programs = await Promise.all([stage.start(), stage.start({ CLAVIGER_PORT: String(await freePort()) })]);
    const scope = 'kms:keys:read kms:keys:write audit:read';
    const { token } = await stage.must(['token', '--tenant', 'acme', '--scope', scope]);
    clients = programs.map((program) => stage.clientOf(program, token));
    admin = new pg.Client(database.superuserUrl);
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.end();
    await stage?.close();
    await database?.stop();
  });

  const post = (client: HttpClient, key: string): Promise<HttpAnswer> =>
    client.call('POST', KEYS, BODY, { 'idempotency-key': key });
  const countKeys = async (client: HttpClient): Promise<number> =>
    (await client.must(200, 'GET', '/api/kms/v1/stats')).total_keys;

  it('twenty at once to two processes make one key, and are answered alike', async () => {
    const before = await countKeys(clients[0]!);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => post(clients[n % 2]!, 'twenty')));
    const seen = answers.map(({ status, headers, body }) => JSON.stringify([status, headers.etag, body]));
    expect([answers[0]!.status, new Set(seen).size]).toEqual([201, 1]);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).toHaveLength(1);
    expect(await countKeys(clients[1]!)).toBe(before + 1);
  });

  it('killed after its commit and before its answer is kept, another process answers with the same key', async () => {
    const [doomed, heir] = clients as [HttpClient, HttpClient];
    const before = await countKeys(heir);
    await admin.query(`
      CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(${GATE}); RETURN NEW; END $$`);
    await admin.query(`
      CREATE TRIGGER gate BEFORE UPDATE OF answer ON idempotency_key
      FOR EACH ROW WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION gate()`);
    await admin.query('SELECT pg_advisory_lock($1)', [GATE]);
    const lost = post(doomed, 'crash').catch(() => 'no answer');
    const backend = await eventually('its answer is about to be kept', async () => {
      const { rows } = await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${GATE} AND NOT granted`,
      );
      return rows[0]?.pid;
    });
    expect(await countKeys(heir)).toBe(before + 1);
    killNow([programs[0]!.pid]);
    expect(await lost).toBe('no answer');
    await admin.query('SELECT pg_terminate_backend($1)', [backend]);
    await admin.query('DROP FUNCTION gate() CASCADE');
    await admin.query('SELECT pg_advisory_unlock($1)', [GATE]);

    // The lease of the dead attempt runs out; until then it is said to be under way.
    const again = await eventually(
      'the request is answered',
      async () => {
        const answer = await post(heir, 'crash');
        if (answer.status === 201) return answer;
        expect([answer.status, answer.body.code]).toEqual([409, 'idempotency_in_progress']);
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        return undefined;
      },
      90_000,
    );
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(await countKeys(heir)).toBe(before + 1);
    const { list } = await heir.must(200, 'GET', `/api/platform/v1/audit?filter=action[eq]kms.key.create`);
    const created = list.map((event: { key_id: string }) => event.key_id);
    expect(created.filter((id: string) => id === again.body.key_id)).toHaveLength(1);
    expect((await post(heir, 'crash')).body).toEqual(again.body);
  });
});
