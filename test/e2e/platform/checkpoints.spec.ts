import { createPublicKey, verify } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditVerifier, type AuditFault, type CheckpointLine } from '#audit';
import { Installation, TestApp } from '../../harness/app.js';
import { superuserUrl, withClient } from './database-access.js';

const KEYS = '/api/kms/v1/keys';
const SIGN = { algorithm: 'ED25519', message: 'aGVsbG8=' };

interface Head {
  tenant: string;
  lane: number;
  seq: number;
  hash: string;
}

/** What an operator keeps elsewhere, against whoever can write to the database. */
describe('the checkpoint file', () => {
  let installation: Installation;
  let app: TestApp;
  let admin: pg.Client;
  let file: string;

  const lines = async (): Promise<CheckpointLine[]> =>
    (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as CheckpointLine);
  const headsOf = (line: CheckpointLine): Head[] => (JSON.parse(line.body) as { heads: Head[] }).heads;
  const faults = async (kept: readonly CheckpointLine[] = []): Promise<readonly AuditFault[]> =>
    (await new AuditVerifier(app.database).verify(kept)).faults;

  /** Changes the database as its administrator could, sees what is found, and undoes it. */
  async function tamper(...statements: string[]): Promise<readonly AuditFault[]> {
    const backup = ['audit_event', 'audit_head', 'audit_checkpoint', 'platform_key'];
    for (const table of backup) await admin.query(`CREATE TEMP TABLE b_${table} AS TABLE ${table}`);
    try {
      for (const statement of statements) await admin.query(statement);
      return await faults(await lines());
    } finally {
      for (const table of backup) {
        await admin.query(`TRUNCATE ${table}`);
        await admin.query(`INSERT INTO ${table} SELECT * FROM b_${table}`);
        await admin.query(`DROP TABLE b_${table}`);
      }
    }
  }

  beforeAll(async () => {
    installation = await Installation.create();
    file = join(installation.dataDir, 'checkpoints.jsonl');
    const env = { CLAVIGER_AUDIT_CHECKPOINT_FILE: file };
    const worker = await TestApp.start({ installation, env });
    for (const tenant of ['acme', 'globex']) {
      await worker.tenant(tenant);
      const token = await worker.token(tenant);
      const key = await worker.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } });
      for (let n = 0; n < 5; n += 1) {
        const path = `${KEYS}/${key.body.key_id as string}/sign`;
        expect((await worker.call('POST', path, { token, body: SIGN })).status).toBe(200);
      }
    }
    // An orderly end writes the last checkpoint.
    await worker.stop();
    app = await TestApp.start({ installation });
    admin = new pg.Client(superuserUrl(installation.database.appUrl));
    await admin.connect();
  });

  afterAll(async () => {
    await admin.end();
    await app.stop();
    await installation.remove();
  });

  it('has a line for where each chain stands, readable by its owner and group only', async () => {
    expect(existsSync(file)).toBe(true);
    expect(statSync(file).mode & 0o037).toBe(0);
    const heads = (await lines()).flatMap(headsOf);
    const last = new Map(heads.map((head) => [`${head.tenant} ${head.lane}`, head]));
    const { rows } = await admin.query<{ tenant_id: string; lane: number; seq: string; hash: Buffer }>(
      `SELECT tenant_id, lane, seq, hash FROM audit_head WHERE tenant_id IN ('acme', 'globex') AND seq > 0`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const { tenant_id: tenant, lane, seq, hash } of rows) {
      // The tenant's creation was by another process, whose file this is not.
      expect(last.get(`${tenant} ${lane}`)).toEqual({
        tenant,
        lane,
        seq: Number(seq),
        hash: hash.toString('hex'),
      });
    }
  });

  it('is signed with Ed25519 by one key, which any other tool can verify', async () => {
    const kept = await lines();
    for (const { body, signature, public_key: spki } of kept) {
      const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
      expect(verify(null, Buffer.from(body), key, Buffer.from(signature, 'base64'))).toBe(true);
    }
    expect(new Set(kept.map(({ public_key: key }) => key)).size).toBe(1);
  });

  it('has the same in the log, line by line', async () => {
    const logged = JSON.stringify(await lines());
    expect(logged.length).toBeGreaterThan(100);
    const probe = await TestApp.start({ installation });
    const token = await probe.token('acme');
    await probe.call('POST', KEYS, { token, body: { algorithm: 'Ed25519', name: 'k' } });
    await probe.stop();
    const line = probe.logs.find((one) => one.includes('audit checkpoint'));
    const { checkpoint } = JSON.parse(line ?? '{}') as { checkpoint: CheckpointLine };
    expect(headsOf(checkpoint)).toEqual([expect.objectContaining({ tenant: 'acme' })]);
    expect(await faults([checkpoint])).toEqual([]);
  });

  it('agrees with a log that nobody touched', async () => {
    expect(await faults(await lines())).toEqual([]);
  });

  it.each([
    ['edited', `UPDATE audit_event SET body = replace(body, 'kms.key.sign', 'kms.key.csr') WHERE seq = 2`],
    [
      'edited in a column',
      `UPDATE audit_event SET actor = 'nobody' WHERE tenant_id = 'acme' AND lane > 0 AND seq = 2`,
    ],
    ['removed', `DELETE FROM audit_event WHERE tenant_id = 'acme' AND lane > 0 AND seq = 3`],
    ['the first and removed', `DELETE FROM audit_event WHERE tenant_id = 'acme' AND lane > 0 AND seq = 1`],
    ['the last and removed', `DELETE FROM audit_event WHERE tenant_id = 'acme' AND lane > 0 AND seq = 5`],
    [
      'moved to another tenant',
      `UPDATE audit_event SET tenant_id = 'initech' WHERE tenant_id = 'acme' AND lane > 0`,
    ],
  ])('finds a record that was %s', async (_, statement) => {
    expect((await tamper(statement)).length).toBeGreaterThan(0);
  });

  it('finds records that changed places', async () => {
    const swap = (from: number, to: number): string =>
      `UPDATE audit_event SET seq = ${to} WHERE tenant_id = 'acme' AND lane > 0 AND seq = ${from}`;
    expect((await tamper(swap(2, 99), swap(3, 2), swap(99, 3))).length).toBeGreaterThan(0);
  });

  it('finds a chain that was cut at its end, head and all, also without the checkpoints of the database', async () => {
    const cut = [
      `DELETE FROM audit_event WHERE tenant_id = 'acme' AND lane > 0 AND seq > 2`,
      `UPDATE audit_head h SET seq = 2, hash = (SELECT hash FROM audit_event e WHERE e.tenant_id = h.tenant_id AND e.lane = h.lane AND e.seq = 2) WHERE tenant_id = 'acme' AND lane > 0`,
      'DELETE FROM audit_checkpoint',
    ];
    expect((await tamper(...cut)).map(({ tenant, seq }) => ({ tenant, seq }))).toContainEqual({
      tenant: 'acme',
      seq: 5,
    });
  });

  it('finds a chain that was written anew from its second record, with every hash made right', async () => {
    const forge = `
      DO $$
      DECLARE r record; h bytea;
      BEGIN
        FOR r IN SELECT * FROM audit_event WHERE tenant_id = 'acme' AND lane > 0 ORDER BY lane, seq LOOP
          IF r.seq = 1 THEN h := ''; END IF;
          IF r.seq = 2 THEN r.body := replace(r.body, 'kms.key.sign', 'kms.key.csr'); r.action := 'kms.key.csr'; END IF;
          h := sha256(h || convert_to('acme' || E'\\n' || r.lane || E'\\n' || r.seq || E'\\n' || r.body, 'UTF8'));
          UPDATE audit_event SET body = r.body, action = r.action, hash = h
           WHERE tenant_id = 'acme' AND lane = r.lane AND seq = r.seq;
          UPDATE audit_head SET hash = h WHERE tenant_id = 'acme' AND lane = r.lane;
        END LOOP;
      END $$`;
    const found = await tamper(forge, 'DELETE FROM audit_checkpoint');
    expect(found.map(({ tenant, problem }) => ({ tenant, problem }))).toEqual([
      { tenant: 'acme', problem: 'the record differs from its checkpoint' },
    ]);
  });

  it('finds that the checkpoint key was replaced', async () => {
    const other = await TestApp.start();
    const { rows } = await withClient(superuserUrl(other.installation.database.appUrl), (client) =>
      client.query<{ public_key: Buffer }>('SELECT public_key FROM platform_key'),
    );
    await other.stop();
    await other.installation.remove();
    const spki = rows[0]!.public_key.toString('hex');
    const found = await tamper(`UPDATE platform_key SET public_key = '\\x${spki}'`);
    expect(found.some(({ problem }) => /another key|does not hold/.test(problem))).toBe(true);
  });

  it('that was itself changed is found out', async () => {
    const kept = await lines();
    const [first, ...rest] = kept;
    const changed = { ...first!, body: first!.body.replace(/"seq":\d+/, '"seq":1') };
    expect((await faults([changed, ...rest])).some(({ problem }) => problem.includes('does not hold'))).toBe(
      true,
    );
  });
});
