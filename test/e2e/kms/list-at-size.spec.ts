import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp } from '../../harness/app.js';
import { KmsCaller, type Key } from '../../harness/kms-caller.js';
import { EVEN_TAG, gatherStatistics, storeManyKeys } from '../../harness/many-keys.js';

const SIZE = 100_000;
const TENANT = 'acme';

/** Another client, who changes the tenant while it is listed. */
interface Churn {
  readonly deleted: ReadonlySet<string>;
  readonly inserted: number;
  /** Waits for so many turns of it. Throws where one failed. */
  reach(turns: number): Promise<void>;
  stop(): Promise<void>;
}

/** The walk waits for a turn of the other client so often: otherwise a busy machine decides how much is changed. */
const PAGES_A_TURN = 20;

/** Listing by bookmarks is exact for whatever is there from the first page to the last. */
describe(`listing ${SIZE} keys by bookmarks while another client inserts and deletes`, () => {
  let app: TestApp;
  let client: KmsCaller;
  let rounds = 0;

  const idsOf = async (where: string): Promise<Set<string>> => {
    const rows = await app.database.transaction({ tenantId: TENANT }, (tx) =>
      tx.query<{ key_id: string }>(`SELECT key_id FROM kms_key WHERE state <> 'destroyed' AND ${where}`),
    );
    return new Set(rows.map((row) => row.key_id));
  };

  /** Turn by turn: some keys anywhere in every order are stored, some made, and some of the old ones deleted. */
  function churn(victims: readonly string[]): Churn {
    const deleted = new Set<string>();
    const state = { deleted, inserted: 0, ending: false };
    const round = (rounds += 1);
    const turn = async (n: number): Promise<void> => {
      await storeManyKeys(app, TENANT, `r${round}t${n}`, 100);
      await client.create({ algorithm: 'Ed25519', name: `made ${n}`, tags: [EVEN_TAG] });
      state.inserted += 101;
      for (const id of victims.slice(n * 10, n * 10 + 10)) {
        await client.destroy(id);
        deleted.add(id);
      }
    };
    let turns = 0;
    const running = (async () => {
      for (; !state.ending; turns += 1) await turn(turns);
    })();
    // What went wrong is told where it is waited for.
    running.catch(() => undefined);
    return {
      deleted,
      get inserted() {
        return state.inserted;
      },
      reach: async (least) => {
        while (turns < least) await Promise.race([setTimeout(5), running]);
      },
      stop: async () => {
        state.ending = true;
        await running;
      },
    };
  }

  async function listAll(query: Record<string, string>, other: Churn): Promise<Key[]> {
    const keys: Key[] = [];
    let bookmark = '';
    for (let pages = 0; pages === 0 || bookmark !== ''; pages += 1) {
      await other.reach(Math.floor(pages / PAGES_A_TURN));
      const page = await client.list(bookmark ? { bookmark } : { limit: '200', ...query });
      if (page.status !== 200) throw new Error(page.text);
      keys.push(...page.body.list);
      bookmark = page.body.next_bookmark;
    }
    return keys;
  }

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_LOG_LEVEL: 'warn' } });
    client = await KmsCaller.of(app, TENANT);
    await storeManyKeys(app, TENANT, 'old', SIZE);
    await gatherStatistics(app);
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  it.each<[string, Record<string, string>, string, (a: Key, b: Key) => boolean]>([
    ['in the order of creation', {}, 'true', (a, b) => a.creation_ts <= b.creation_ts],
    ['by name, backwards', { sort_by: 'name', sort_mode: 'desc' }, 'true', (a, b) => a.name >= b.name],
    [
      'by a tag',
      { filter: `tags[ct]${EVEN_TAG}` },
      `'${EVEN_TAG}' = ANY(tags)`,
      (a, b) => a.creation_ts <= b.creation_ts,
    ],
  ])(
    '%s: no surviving key twice, none missing',
    async (_, query, where, inOrder) => {
      const before = await idsOf(where);
      const victims = [...before].filter((_id, index) => index % 20 === 7).sort(() => Math.random() - 0.5);
      const other = churn(victims);
      const keys = await listAll(query, other);
      await other.stop();
      const listed = new Set(keys.map((key) => key.key_id));
      expect(listed.size).toBe(keys.length);
      const missing = [...before].filter((id) => !listed.has(id) && !other.deleted.has(id));
      expect(missing).toEqual([]);
      expect(keys.findIndex((key, index) => index > 0 && !inOrder(keys[index - 1]!, key))).toBe(-1);
      // What was changed meanwhile was enough to be seen.
      expect(other.inserted).toBeGreaterThan(1_000);
      expect(other.deleted.size).toBeGreaterThan(100);
      expect(keys.length).toBeGreaterThan(before.size - other.deleted.size);
    },
    120_000,
  );

  it('a late page costs what the first one costs: it is read by the index, not counted off', async () => {
    const explained = await app.database.transaction({ tenantId: TENANT }, async (tx) => {
      const rows = await tx.query<{ 'QUERY PLAN': string }>(
        `EXPLAIN SELECT * FROM kms_key k WHERE k.tenant_id = '${TENANT}' AND (k.creation_ts, k.key_id) > ('2025-01-01T00:00:01Z'::timestamptz, 'key-old'::text)
          AND k.state <> 'destroyed' ORDER BY k.creation_ts, k.key_id LIMIT 201`,
      );
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(explained).toMatch(/Index Scan using kms_key_creation/);
    expect(explained).not.toMatch(/Sort|Seq Scan/);
  });
});
