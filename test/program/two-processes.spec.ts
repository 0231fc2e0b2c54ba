import { createPublicKey, verify } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseServer } from './database-server.js';
import { eventually } from '../harness/eventually.js';
import type { HttpAnswer, HttpClient } from './http-client.js';
import type { Program } from './program.js';
import { Stage, freePort } from './stage.js';

const KEYS = '/api/kms/v1/keys';
const MESSAGE = { algorithm: 'ECDSA_SHA_256', message: 'AQID', message_type: 'raw' };
const CREATE = { algorithm: 'ECDSA', size: 256 };
/** As many signatures are asked for at any time, half of each process. */
const WIDTH = 100;

/** Asks both processes for signatures of a key, over and over, and keeps what they answer. */
class SignLoad {
  readonly answers: HttpAnswer[] = [];
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(clients: readonly HttpClient[], keyId: string) {
    this.#loops = Array.from({ length: WIDTH }, (_, n) => this.#loop(clients[n % clients.length]!, keyId));
    for (const loop of this.#loops) loop.catch(() => undefined);
  }

  /** Resolves when that many more were answered. */
  more(count: number): Promise<boolean> {
    const start = this.answers.length;
    return eventually(`${count} more signatures`, () => this.answers.length - start >= count);
  }

  /** Lets what is under way be answered. Rejects where a request got no answer. */
  async stop(): Promise<readonly HttpAnswer[]> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    return this.answers;
  }

  async #loop(client: HttpClient, keyId: string): Promise<void> {
    while (!this.#stopped) this.answers.push(await client.call('POST', `${KEYS}/${keyId}/sign`, MESSAGE));
  }
}

describe('two processes on one database', () => {
  let stage: Stage;
  let database: DatabaseServer;
  const programs: Program[] = [];
  let clients: HttpClient[];

  beforeAll(async () => {
    database = await DatabaseServer.start();
    stage = await Stage.open({ DATABASE_URL: database.appUrl, CLAVIGER_LOG_LEVEL: 'warn' });
    await stage.must(['migrate'], { CLAVIGER_MIGRATION_DATABASE_URL: database.ownerUrl });
    // Both at once: they agree on the root key and the issuer that the first start makes.
    programs.push(
      ...(await Promise.all([stage.start(), stage.start({ CLAVIGER_PORT: String(await freePort()) })])),
    );
    clients = await clientsOf('acme');
  });
  afterAll(async () => {
    await stage?.close();
    await database?.stop();
  });

  const clientsOf = async (tenant: string): Promise<HttpClient[]> => {
    const { token } = await stage.must([
      'token',
      '--tenant',
      tenant,
      '--scope',
      'kms:keys:read kms:keys:write kms:keys:sign',
    ]);
    return programs.map((program) => stage.clientOf(program, token));
  };
  const createKey = (client: HttpClient, name: string): Promise<{ key_id: string; public_key: string }> =>
    client.must(201, 'POST', KEYS, { ...CREATE, name });
  const isSignature = (key: { public_key: string }, signature: string): boolean =>
    verify(
      'sha256',
      Buffer.from(MESSAGE.message, 'base64'),
      createPublicKey(Buffer.from(key.public_key, 'base64').toString()),
      Buffer.from(signature, 'base64'),
    );

  it('a key made by one signs in the other at once, whichever made it', async () => {
    const [a, b] = clients as [HttpClient, HttpClient];
    for (const [maker, signer] of [
      [a, b],
      [b, a],
    ] as const) {
      const key = await createKey(maker, 'of both');
      const { signature } = await signer.must(200, 'POST', `${KEYS}/${key.key_id}/sign`, MESSAGE);
      expect(isSignature(key, signature)).toBe(true);
    }
  });

  it('once a disable through one is answered, no signature is, though both have 100 under way', async () => {
    const [a, b] = clients as [HttpClient, HttpClient];
    for (const [disabler, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const { key_id } = await createKey(disabler, 'to be revoked');
      const load = new SignLoad([a, b], key_id);
      await load.more(500);
      const disabled = await disabler.call('POST', `${KEYS}/${key_id}/disable`);
      expect(disabled.status).toBe(200);
      // What arrived before the answer did may be read after it, in this turn or the next.
      await turn();
      await turn();
      const before = load.answers.length;
      await load.more(200);
      const after = (await load.stop()).slice(before);
      expect(after.map(({ status }) => status)).toEqual(Array(after.length).fill(409));
      expect(load.answers.slice(0, before).some(({ status }) => status === 200)).toBe(true);

      await other.must(200, 'POST', `${KEYS}/${key_id}/enable`);
      // A process may believe for a second that it is disabled still: that errs on the safe side.
      for (const client of [a, b])
        await eventually('it signs again', async () => {
          const { status } = await client.call('POST', `${KEYS}/${key_id}/sign`, MESSAGE);
          return status === 200;
        });
    }
  });

  it('the root key is replaced beside both under load: nothing fails, nothing is lost, the old one is let go', async () => {
    const [a, b] = clients as [HttpClient, HttpClient];
    const old = await createKey(a, 'made under the old root');
    const load = new SignLoad([a, b], old.key_id);
    await load.more(100);
    expect(await stage.must(['root-key', 'add'])).toMatchObject({ root_id: 'root-2', registered: true });
    await load.more(100);
    const { moved } = await stage.must(['root-key', 'rotate']);
    // The tenant's, the one that signs checkpoints, and the one that seals engines' secrets.
    expect(moved).toBe(3);
    await load.more(100);
    await stage.must(['root-key', 'remove', 'root-1']);
    await load.more(100);
    const answers = await load.stop();
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(answers.every(({ body }) => isSignature(old, body.signature))).toBe(true);

    // Made by the tool under the new root: neither process has read the ring since it has that.
    const fresh = (await clientsOf('globex')) as [HttpClient, HttpClient];
    for (const [maker, signer] of [
      [fresh[0], fresh[1]],
      [fresh[1], fresh[0]],
    ] as const) {
      const key = await createKey(maker, 'made under the new root');
      const { signature } = await signer.must(200, 'POST', `${KEYS}/${key.key_id}/sign`, MESSAGE);
      expect(isSignature(key, signature)).toBe(true);
    }
  });

  it('what was made under the old root is opened by processes that never had it', async () => {
    const before = await createKey(clients[0]!, 'from before');
    const ports = programs.map(({ url }) => new URL(url).port);
    await Promise.all(programs.map((program) => program.stop()));
    programs.splice(0, 2, ...(await Promise.all(ports.map((port) => stage.start({ CLAVIGER_PORT: port })))));
    const { list } = await stage.must(['root-key', 'list']);
    expect(list).toMatchObject([{ root_id: 'root-2', active: true, registered: true }]);
    for (const client of await clientsOf('acme')) {
      const { signature } = await client.must(200, 'POST', `${KEYS}/${before.key_id}/sign`, MESSAGE);
      expect(isSignature(before, signature)).toBe(true);
    }
    expect((await stage.must(['audit', 'verify'])).faults).toEqual([]);
  });
});
