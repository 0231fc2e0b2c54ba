import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditLog } from '#audit';
import { RootRing, addRoot, removeRoot } from '#crypto';
import { RootKeys } from '#tenants';
import { Installation, TestApp, operator } from '../../harness/app.js';
import { superuserUrl, withClient } from './database-access.js';

const KEYS = '/api/kms/v1/keys';
const TENANTS = Array.from({ length: 6 }, (_, n) => `tenant-${n}`);
const SIGN = { algorithm: 'ED25519', message: 'aGVsbG8=' };

/** The operator's tool runs in another process than those that sign. */
describe('the rotation of the root beside running processes', () => {
  let installation: Installation;
  let apps: TestApp[];
  let ringFile: string;
  let audit: AuditLog;
  const paths = new Map<string, string>();
  const tokens = new Map<string, string>();

  const rootKeys = (): RootKeys => new RootKeys(apps[0]!.database, new RootRing(ringFile), audit);
  const handles = (): Promise<string> =>
    withClient(superuserUrl(installation.database.appUrl), async (admin) => {
      const { rows } = await admin.query<{ all: string }>(
        `SELECT string_agg(h::text || h.xmin::text || h.ctid::text, ',' ORDER BY tenant_id, key_id) AS all FROM key_handle h`,
      );
      return rows[0]!.all;
    });
  const rootsInUse = (): Promise<string[]> =>
    withClient(superuserUrl(installation.database.appUrl), async (admin) => {
      const { rows } = await admin.query<{ root_id: string }>(
        `SELECT root_id FROM tenant_kek UNION SELECT root_id FROM platform_key ORDER BY 1`,
      );
      return rows.map((row) => row.root_id);
    });
  const sign = async (app: TestApp, tenant: string): Promise<number> => {
    const token = tokens.get(tenant);
    return (await app.call('POST', paths.get(tenant)!, { token, body: SIGN })).status;
  };

  /** Signs in both processes until `work` is done; gives what was answered. */
  async function underLoad(work: () => Promise<void>): Promise<Map<number, number>> {
    const counts = new Map<number, number>();
    let done = false;
    const signers = apps.flatMap((app) =>
      TENANTS.map(async (tenant) => {
        while (!done) {
          const status = await sign(app, tenant);
          counts.set(status, (counts.get(status) ?? 0) + 1);
        }
      }),
    );
    try {
      await work();
    } finally {
      done = true;
      await Promise.all(signers);
    }
    return counts;
  }

  beforeAll(async () => {
    installation = await Installation.create();
    ringFile = join(installation.dataDir, 'root.key');
    apps = [await TestApp.start({ installation }), await TestApp.start({ installation })];
    audit = new AuditLog(apps[0]!.database);
    for (const tenant of TENANTS) {
      await apps[0]!.tenant(tenant);
      const token = await apps[0]!.token(tenant);
      tokens.set(tenant, token);
      const body = { algorithm: 'Ed25519', name: 'k' };
      const key = await apps[0]!.call('POST', KEYS, { token, body });
      paths.set(tenant, `${KEYS}/${key.body.key_id as string}/sign`);
    }
  });

  afterAll(async () => {
    await audit.close();
    for (const app of apps) await app.stop();
    await installation.remove();
  });

  it('moves tenants’ keys and touches no private key, while every signature is answered', async () => {
    const before = await handles();
    const counts = await underLoad(async () => {
      addRoot(ringFile, 'root-2');
      expect(await rootKeys().rotate(operator)).toBe(TENANTS.length + 2);
      addRoot(ringFile, 'root-3');
      expect(await rootKeys().rotate(operator)).toBe(TENANTS.length + 2);
    });
    expect([...counts.keys()]).toEqual([200]);
    expect(counts.get(200)).toBeGreaterThan(TENANTS.length);
    expect(await handles()).toBe(before);
    expect(await rootsInUse()).toEqual(['root-3']);
  });

  it('leaves every key to a process that starts afterwards, also without the old roots', async () => {
    for (const id of ['root-1', 'root-2']) {
      await rootKeys().remove(operator, id);
      removeRoot(ringFile, id);
    }
    const later = await TestApp.start({ installation });
    try {
      for (const tenant of TENANTS) expect(await sign(later, tenant)).toBe(200);
    } finally {
      await later.stop();
    }
  });

  it('does not let a root be removed that something hangs on', async () => {
    addRoot(ringFile, 'root-4');
    await rootKeys().register();
    await expect(rootKeys().remove(operator, 'root-3')).rejects.toMatchObject({ code: 'key_state' });
    await expect(rootKeys().remove(operator, 'root-4')).rejects.toMatchObject({ code: 'key_state' });
    expect(await rootsInUse()).toEqual(['root-3']);
  });

  it('serves new tenants from the moment a root is in the ring, known to the database or not', async () => {
    addRoot(ringFile, 'root-5');
    const token = await apps[1]!.token(TENANTS[0]!);
    const body = { tenant_id: 'newcomer' };
    const made = await apps[1]!.call('POST', '/api/platform/v1/tenants', { token, body });
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
    const key = await apps[0]!.call('POST', KEYS, {
      token: await apps[0]!.token('newcomer'),
      body: { algorithm: 'Ed25519', name: 'k' },
    });
    expect(key.status).toBe(201);
  });

  it('refuses a start with a ring that lacks a root in use, or has another under its name', async () => {
    const elsewhere = await Installation.create();
    try {
      const borrowed = { ...installation, root: elsewhere.root, remove: () => elsewhere.remove() };
      await expect(TestApp.start({ installation: borrowed })).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('root key ring'),
      });
    } finally {
      await elsewhere.remove();
    }
  });
});
