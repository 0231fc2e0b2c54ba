import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/harness/postgres.js';
import { createDataSource } from './data-source.js';
import { Database } from './database.js';
import type { Transaction } from './transaction.js';

const TENANT = `SELECT current_setting('claviger.tenant', true) AS tenant`;

describe('a transaction', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase();
    // One connection: whatever a transaction leaves behind, the next one finds.
    const source = createDataSource({ url: test.appUrl, poolSize: 1, applicationName: 't' });
    database = new Database(await source.initialize());
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const tenantOf = async (tx: Transaction): Promise<unknown> =>
    (await tx.query<{ tenant: string }>(TENANT))[0]?.tenant;

  it('is of its tenant from its first statement to its last, and of nobody afterwards', async () => {
    const seen = await database.transaction({ tenantId: 'a' }, async (tx) => [
      await tenantOf(tx),
      await tenantOf(tx),
    ]);
    expect(seen).toEqual(['a', 'a']);
    expect(await database.system('test', tenantOf)).toBe('');
  });

  it.each([
    ['succeeded', async () => undefined],
    ['failed', () => Promise.reject(new Error('work'))],
  ])('that %s cannot be used from the transaction of another tenant', async (_, end) => {
    let kept: Transaction | undefined;
    const over = database.transaction({ tenantId: 'a' }, async (tx) => {
      kept = tx;
      await tx.query('SELECT 1');
      return end();
    });
    await over.catch(() => undefined);
    await database.transaction({ tenantId: 'b' }, async (tx) => {
      expect(await tenantOf(tx)).toBe('b');
      await expect(tenantOf(kept!)).rejects.toThrow(/ended/);
      await expect(kept!.prepared('n', TENANT, [])).rejects.toThrow(/ended/);
      await expect(kept!.execute('SELECT 1')).rejects.toThrow(/ended/);
      expect(() => kept!.manager).toThrow(/ended/);
    });
  });

  it.each([`a'; SET LOCAL claviger.tenant = 'b`, "a'--", '', 'A', `a\n`])(
    'is not begun for %j, which is no tenant',
    async (tenantId) => {
      let begun = false;
      const work = async (): Promise<void> => void (begun = true);
      await expect(database.transaction({ tenantId }, work)).rejects.toThrow(/no tenant/);
      expect(begun).toBe(false);
    },
  );

  it('that could not be begun fails by what prevented it, and its statements do nothing', async () => {
    const work = (tx: Transaction): Promise<object[]> =>
      tx.query(`INSERT INTO key_use (tenant_id, key_id, last_used_ts) VALUES ('a', 'k', now())`);
    const impossible = { statementTimeoutMs: 2 ** 40 };
    await expect(database.transaction({ tenantId: 'a' }, work, impossible)).rejects.toMatchObject({
      code: '22023',
    });
    const rows = await database.transaction({ tenantId: 'a' }, (tx) => tx.query('SELECT 1 FROM key_use'));
    expect(rows).toEqual([]);
  });

  it.each([false, true])(
    'is not taken for committed where a statement failed and nobody minded (only reading: %s)',
    async (readOnly) => {
      let told = false;
      const work = async (tx: Transaction): Promise<void> => {
        tx.afterCommit(() => void (told = true));
        await tx.query('SELECT 1/0').catch(() => undefined);
      };
      await expect(database.transaction({ tenantId: 'a' }, work, { readOnly })).rejects.toThrow(/failed/);
      expect(told).toBe(false);
      expect(await database.transaction({ tenantId: 'b' }, tenantOf)).toBe('b');
    },
  );

  it('that only reads cannot write', async () => {
    const work = (tx: Transaction): Promise<number> =>
      tx.execute(`INSERT INTO key_use (tenant_id, key_id, last_used_ts) VALUES ('a', 'k', now())`);
    await expect(database.transaction({ tenantId: 'a' }, work, { readOnly: true })).rejects.toMatchObject({
      code: '25006',
    });
  });

  it('that only reads is over when the next one on its connection begins', async () => {
    const begun = async (tenantId: string): Promise<unknown> =>
      (
        await database.transaction({ tenantId }, (tx) => tx.query('SELECT now()::text'), { readOnly: true })
      )[0];
    // Of one transaction, it is the same time.
    expect(await begun('a')).not.toEqual(await begun('b'));
  });

  it('that only reads gives what it read before its end is answered', async () => {
    const source = createDataSource({ url: test.appUrl, poolSize: 1, applicationName: 't' });
    const reader = new Database(await source.initialize());
    const queries = vi.spyOn(pg.Client.prototype, 'query');
    try {
      await reader.transaction({ tenantId: 'a' }, tenantOf, { readOnly: true });
      const ending = queries.mock.calls.findIndex(([text]) => String(text) === 'COMMIT');
      expect(inspect(queries.mock.results[ending]?.value)).toBe('Promise { <pending> }');
    } finally {
      queries.mockRestore();
      await reader.close();
    }
  });
});
