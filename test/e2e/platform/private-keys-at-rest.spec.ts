import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation, TestApp, type Answer } from '../../harness/app.js';
import { dumpDatabase, superuserUrl } from './database-access.js';

const KEYS = '/api/kms/v1/keys';
const MESSAGE = Buffer.from('hello');

interface Key {
  key_id: string;
  public_key: string;
}

/** The numbers that make a key private, beside its encodings. */
function secretsOf(key: KeyObject): Buffer[] {
  const jwk = key.export({ format: 'jwk' }) as Record<string, unknown>;
  const numbers = ['d', 'p', 'q', 'dp', 'dq', 'qi']
    .map((name) => jwk[name])
    .filter((value) => value !== undefined);
  return [
    key.export({ type: 'pkcs8', format: 'der' }),
    ...numbers.map((value) => Buffer.from(value as string, 'base64url')),
  ];
}

/** How bytes may stand in a database: as they are (which `row::text` shows in hex), or in some text form. */
const encodings = (bytes: Buffer): string[] => [
  bytes.toString('hex'),
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('base64url'),
];

/** A thief of the database, and an administrator who writes to it. */
describe('a private key in the database', () => {
  let installation: Installation;
  let app: TestApp;
  let admin: pg.Client;
  const tokens = { acme: '', globex: '' };
  type Tenant = keyof typeof tokens;

  const create = async (tenant: Tenant, name = 'k'): Promise<Key> => {
    const body = { algorithm: 'ECDSA', size: 256, name };
    const { status, body: key } = await app.call<Key>('POST', KEYS, { token: tokens[tenant], body });
    expect(status).toBe(201);
    return key;
  };
  const sign = (by: TestApp, tenant: Tenant, id: string): Promise<Answer> => {
    const body = { algorithm: 'ECDSA_SHA_256', message: MESSAGE.toString('base64') };
    return by.call('POST', `${KEYS}/${id}/sign`, { token: tokens[tenant], body });
  };
  /** With a process that has nothing in memory yet. */
  async function withFreshProcess<T>(work: (fresh: TestApp) => Promise<T>): Promise<T> {
    const fresh = await TestApp.start({ installation });
    try {
      return await work(fresh);
    } finally {
      await fresh.stop();
    }
  }
  /** A clear error and no signature, now and again, and a reason in the log. */
  const expectNoSignature = (tenant: Tenant, id: string): Promise<void> =>
    withFreshProcess(async (fresh) => {
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        const { status, body } = await sign(fresh, tenant, id);
        expect([status, body.code, body.signature]).toEqual([500, 'internal', undefined]);
      }
      expect(fresh.logs.join('')).toMatch(
        /do not open: wrong key, wrong binding or changed|not a sealed secret|sealed under a tenant key|does not match its public key/,
      );
    });
  const handleOf = async (id: string): Promise<Buffer> => {
    const { rows } = await admin.query<{ handle: Buffer }>(
      'SELECT handle FROM key_handle WHERE key_id = $1',
      [id],
    );
    return rows[0]!.handle;
  };
  const setHandle = (id: string, handle: Buffer): Promise<unknown> =>
    admin.query('UPDATE key_handle SET handle = $2 WHERE key_id = $1', [id, handle]);

  beforeAll(async () => {
    installation = await Installation.create();
    app = await TestApp.start({ installation });
    for (const tenant of ['acme', 'globex'] as const) {
      await app.tenant(tenant);
      tokens[tenant] = await app.token(tenant);
    }
    admin = new pg.Client(superuserUrl(installation.database.appUrl));
    await admin.connect();
  });

  afterAll(async () => {
    await admin.end();
    await app.stop();
    await installation.remove();
  });

  it('is in no column of any table, in no encoding', async () => {
    const pairs = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      generateKeyPairSync('ec', { namedCurve: 'P-521' }),
      generateKeyPairSync('ed25519'),
    ];
    for (const [index, { privateKey }] of pairs.entries()) {
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      const body = { name: `imported ${index}`, private_key: Buffer.from(pem).toString('base64') };
      expect((await app.call('POST', `${KEYS}/import`, { token: tokens.acme, body })).status).toBe(201);
    }
    const everything = await dumpDatabase(admin);
    for (const { privateKey, publicKey } of pairs) {
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      // What is searched for would be found: the public half is.
      expect(everything).toContain(spki.toString('hex'));
      for (const secret of secretsOf(privateKey)) {
        for (const text of encodings(secret)) expect(everything.includes(text)).toBe(false);
      }
    }
    expect(everything).not.toMatch(/PRIVATE KEY/);
  });

  it('never signs for another key of its tenant, whose row its bytes are moved to', async () => {
    const [mine, other] = [await create('acme'), await create('acme')];
    await setHandle(other.key_id, await handleOf(mine.key_id));
    await expectNoSignature('acme', other.key_id);
  });

  it('never signs for another key id, though that is the same key, imported anew', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const body = { name: 'again', private_key: Buffer.from(pem).toString('base64') };
    const importIt = async (): Promise<string> =>
      (await app.call<Key>('POST', `${KEYS}/import`, { token: tokens.acme, body })).body.key_id;
    const first = await importIt();
    const handle = await handleOf(first);
    expect((await app.call('DELETE', `${KEYS}/${first}`, { token: tokens.acme })).status).toBe(200);
    const second = await importIt();
    expect((await withFreshProcess((fresh) => sign(fresh, 'acme', second))).status).toBe(200);
    await setHandle(second, handle);
    await expectNoSignature('acme', second);
  });

  it('never signs for another tenant that its row is moved to, not even with its tenant’s key', async () => {
    const { key_id: id } = await create('globex');
    for (const table of ['kms_key', 'key_handle']) {
      await admin.query(
        `INSERT INTO ${table} SELECT (jsonb_populate_record(t, '{"tenant_id":"acme"}')).* FROM ${table} t WHERE key_id = $1`,
        [id],
      );
    }
    await expectNoSignature('acme', id);
    const kek = await admin.query<{ wrapped: Buffer; root_id: string; tenant_id: string }>(
      'SELECT tenant_id, root_id, wrapped FROM tenant_kek ORDER BY tenant_id',
    );
    const [ofAcme, ofGlobex] = kek.rows;
    const setKek = (wrapped: Buffer): Promise<unknown> =>
      admin.query(`UPDATE tenant_kek SET wrapped = $1 WHERE tenant_id = 'acme'`, [wrapped]);
    await setKek(ofGlobex!.wrapped);
    await expectNoSignature('acme', id);
    await setKek(ofAcme!.wrapped);
    await admin.query(`DELETE FROM key_handle WHERE tenant_id = 'acme' AND key_id = $1`, [id]);
    await admin.query(`DELETE FROM kms_key WHERE tenant_id = 'acme' AND key_id = $1`, [id]);
    expect((await withFreshProcess((fresh) => sign(fresh, 'globex', id))).status).toBe(200);
  });

  it('never signs in a batch either, and the log says why', async () => {
    const [mine, other] = [await create('acme'), await create('acme')];
    const genuine = await handleOf(other.key_id);
    await setHandle(other.key_id, await handleOf(mine.key_id));
    await withFreshProcess(async (fresh) => {
      const item = { algorithm: 'ECDSA_SHA_256', message: MESSAGE.toString('base64') };
      const { status, text } = await fresh.call('POST', `${KEYS}/batch/sign`, {
        token: tokens.acme,
        body: [{ key: other.key_id, ...item }],
      });
      expect([200, 500]).toContain(status);
      expect(text).toContain('"internal"');
      expect(text).not.toContain('"signature"');
      expect(fresh.logs.join('')).toMatch(/do not open: wrong key, wrong binding or changed/);
    });
    await setHandle(other.key_id, genuine);
  });

  it('never signs with a bit of it changed, wherever that is', async () => {
    const { key_id: id } = await create('acme');
    const genuine = await handleOf(id);
    const places = [0, 1, 4, 5, 16, 17, 40, 64, 65, 76, 77, 100, genuine.length - 16, genuine.length - 1];
    for (const place of places) {
      const changed = Buffer.from(genuine);
      changed[place] = (changed[place] ?? 0) ^ 1;
      await setHandle(id, changed);
      await expectNoSignature('acme', id);
    }
    for (const handle of [
      Buffer.alloc(0),
      genuine.subarray(0, -1),
      Buffer.concat([genuine, Buffer.of(0)]),
      genuine.subarray(1),
    ]) {
      await setHandle(id, handle);
      await expectNoSignature('acme', id);
    }
    await setHandle(id, genuine);
    expect((await withFreshProcess((fresh) => sign(fresh, 'acme', id))).status).toBe(200);
  });

  it('never signs under another public key, with its fingerprint or without', async () => {
    const [mine, other] = [await create('acme'), await create('globex')];
    const { rows } = await admin.query<{ key_id: string; spki: Buffer; fingerprint: string }>(
      'SELECT key_id, spki, fingerprint FROM kms_key WHERE key_id = ANY($1)',
      [[mine.key_id, other.key_id]],
    );
    const ofOther = rows.find((row) => row.key_id === other.key_id)!;
    const ofMine = rows.find((row) => row.key_id === mine.key_id)!;
    const set = (spki: Buffer, fingerprint: string): Promise<unknown> =>
      admin.query('UPDATE kms_key SET spki = $2, fingerprint = $3 WHERE key_id = $1', [
        mine.key_id,
        spki,
        fingerprint,
      ]);
    await set(ofOther.spki, ofMine.fingerprint);
    await expectNoSignature('acme', mine.key_id);
    await set(ofOther.spki, ofOther.fingerprint);
    await expectNoSignature('acme', mine.key_id);
    await set(ofMine.spki, ofOther.fingerprint);
    await expectNoSignature('acme', mine.key_id);
    await set(ofMine.spki, ofMine.fingerprint);
    expect((await withFreshProcess((fresh) => sign(fresh, 'acme', mine.key_id))).status).toBe(200);
  });

  it('that a process has in memory signs as itself, whatever is done to its row', async () => {
    const [mine, other] = [await create('acme'), await create('acme')];
    const publicKey = createPublicKey(Buffer.from(mine.public_key, 'base64'));
    const genuine = await handleOf(mine.key_id);
    expect((await sign(app, 'acme', mine.key_id)).status).toBe(200);
    await setHandle(mine.key_id, await handleOf(other.key_id));
    const { status, body } = await sign(app, 'acme', mine.key_id);
    if (status === 200) {
      const signature = Buffer.from(body.signature as string, 'base64');
      expect(verify('sha256', MESSAGE, publicKey, signature)).toBe(true);
    } else expect([status, body.code]).toEqual([500, 'internal']);
    await setHandle(mine.key_id, genuine);
  });

  it('is gone with its destruction, and no copy of its row brings it back', async () => {
    const { key_id: id } = await create('acme');
    const handle = await handleOf(id);
    const deleted = await app.call('DELETE', `${KEYS}/${id}`, { token: tokens.acme });
    expect(deleted.body).toEqual({ status: 'deleted' });
    expect(await dumpDatabase(admin)).not.toContain(handle.toString('hex'));
    await admin.query(`INSERT INTO key_handle (tenant_id, key_id, handle) VALUES ('acme', $1, $2)`, [
      id,
      handle,
    ]);
    expect((await withFreshProcess((fresh) => sign(fresh, 'acme', id))).status).toBe(404);
  });
});
