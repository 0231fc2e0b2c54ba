import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, createDataSource } from '#database';
import { PERMISSIONS, type RequestContext } from '#kernel';
import { createTestDatabase, type TestDatabase } from '../../../test/harness/postgres.js';
import { AuditLog } from './audit-log.js';
import { AuditVerifier } from './audit-verifier.js';
import type { CheckpointKey } from './checkpoint-key.js';
import { Checkpointer } from './checkpointer.js';

const ctx = (tenantId: string): RequestContext => ({
  tenantId,
  requestId: 'r',
  principal: { issuer: 'i', subject: 's', tenantId, permissions: new Set(PERMISSIONS) },
});

describe('AuditLog', () => {
  let test: TestDatabase;
  let databases: Database[];
  let logs: AuditLog[];

  beforeAll(async () => {
    test = await createTestDatabase();
    databases = [];
    for (let i = 0; i < 2; i += 1) {
      const source = createDataSource({ url: test.appUrl, poolSize: 6, applicationName: 't' });
      databases.push(new Database(await source.initialize()));
    }
    logs = databases.map((database) => new AuditLog(database));
    await databases[0]!.system('test', async (tx) => {
      await tx.query(`INSERT INTO tenant (id) VALUES ('a'), ('b')`);
    });
    for (const tenantId of ['a', 'b']) {
      await databases[0]!.transaction({ tenantId }, (tx) =>
        tx.query(
          `INSERT INTO kms_key (tenant_id, key_id, name, engine_id, algorithm, size, has_private_key, spki, fingerprint, state, origin)
           VALUES ($1, 'key-1', 'n', 'e', 'ECDSA', 256, true, '', 'f', 'enabled', 'generated')`,
          [tenantId],
        ),
      );
    }
  });

  afterAll(async () => {
    for (const log of logs) await log.close();
    for (const database of databases) await database.close();
    await test.drop();
  });

  const sign = (log: AuditLog, tenantId: string): Promise<boolean> =>
    log.appendGated(ctx(tenantId), { action: 'kms.key.sign', outcome: 'success', keyId: 'key-1' });

  it('chains what two processes append at once for two tenants, and the chains verify', async () => {
    const results = await Promise.all(
      Array.from({ length: 400 }, (_, i) => sign(logs[i % 2]!, i % 3 === 0 ? 'a' : 'b')),
    );
    expect(results.every(Boolean)).toBe(true);
    const report = await new AuditVerifier(databases[0]!).verify();
    expect(report).toMatchObject({ records: 400, faults: [] });
  });

  it('settles every record, whenever in the life of a batch it arrives', async () => {
    const loop = async (): Promise<void> => {
      for (let i = 0; i < 150; i += 1) expect(await sign(logs[0]!, 'b')).toBe(true);
    };
    await Promise.all([loop(), loop(), loop(), loop()]);
    const report = await new AuditVerifier(databases[0]!).verify();
    expect(report).toMatchObject({ records: 1_000, faults: [] });
  });

  it('refuses a record for a key that is disabled, and writes nothing', async () => {
    await databases[0]!.transaction({ tenantId: 'a' }, (tx) =>
      tx.query(`UPDATE kms_key SET state = 'disabled'`),
    );
    expect(await sign(logs[0]!, 'a')).toBe(false);
    expect(await sign(logs[0]!, 'b')).toBe(true);
    await databases[0]!.transaction({ tenantId: 'a' }, (tx) =>
      tx.query(`UPDATE kms_key SET state = 'enabled'`),
    );
    const report = await new AuditVerifier(databases[0]!).verify();
    expect(report).toMatchObject({ records: 1_001, faults: [] });
  });

  it('refuses a record for a key of a suspended tenant', async () => {
    const suspend = (state: string) =>
      databases[0]!.system('test', (tx) => tx.query(`UPDATE tenant SET state = $1 WHERE id = 'a'`, [state]));
    await suspend('suspended');
    expect(await sign(logs[1]!, 'a')).toBe(false);
    await suspend('active');
    expect(await sign(logs[1]!, 'a')).toBe(true);
  });

  it('keeps a revocation waiting until committed records are answered, and not for ever', async () => {
    const order: string[] = [];
    const signing = sign(logs[0]!, 'a').then(() => order.push('answered'));
    await Promise.resolve();
    const revoking = databases[1]!
      .transaction({ tenantId: 'a' }, async (tx) => {
        await logs[1]!.awaitAnswers(tx, 'a');
        await tx.query(`UPDATE kms_key SET state = 'disabled'`);
      })
      .then(() => order.push('revoked'));
    await Promise.all([signing, revoking]);
    expect(await sign(logs[0]!, 'a')).toBe(false);
    expect(order).toHaveLength(2);
  });

  it('lets a revocation that hangs hold up its own tenant and nobody else', async () => {
    let end = (): void => undefined;
    let hangs = (): void => undefined;
    const hanging = new Promise<void>((resolve) => (hangs = resolve));
    const revocation = databases[1]!.transaction({ tenantId: 'a' }, async (tx) => {
      await logs[1]!.awaitAnswers(tx, 'a');
      hangs();
      await new Promise<void>((resolve) => (end = resolve));
    });
    await hanging;
    const own = sign(logs[0]!, 'b');
    const stuck = sign(logs[0]!, 'a');
    expect(await own).toBe(true);
    expect(await sign(logs[0]!, 'b')).toBe(true);
    end();
    await revocation;
    expect(typeof (await stuck)).toBe('boolean');
  });

  it('signs what a process moved that did not live to sign it', async () => {
    const key = {
      sign: (message: Buffer) => message.subarray(0, 8),
      spki: Buffer.alloc(0),
    } as unknown as CheckpointKey;
    const lines: string[] = [];
    const options = {
      log: ({ body }: { body: string }) => void lines.push(body),
      onError: (error: unknown) => {
        throw error;
      },
    };
    expect(await sign(logs[0]!, 'b')).toBe(true);
    const other = new Checkpointer(databases[1]!, new AuditLog(databases[1]!), key, options);
    await other.sweep();
    expect(lines.join()).toContain('"tenant":"b"');
    await other.sweep();
    expect(lines).toHaveLength(1);
  });

  it('shows a tenant its own records only, to a statement without a tenant predicate', async () => {
    const rows = await databases[0]!.transaction({ tenantId: 'a' }, (tx) =>
      tx.query<{ tenant_id: string }>('SELECT DISTINCT tenant_id FROM audit_event'),
    );
    expect(rows).toEqual([{ tenant_id: 'a' }]);
  });

  it.each(['UPDATE audit_event SET action = $1', 'DELETE FROM audit_event WHERE action = $1'])(
    'lets no application role run %s',
    async (statement) => {
      await expect(
        databases[0]!.transaction({ tenantId: 'a' }, (tx) => tx.query(statement, ['x'])),
      ).rejects.toThrow('permission denied');
    },
  );
});
