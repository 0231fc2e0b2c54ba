import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

/** Every change of a key: its method, what is below the key, and a good body. */
const CHANGES: [method: string, below: string, body?: unknown][] = [
  ['PUT', '/name', { name: 'changed' }],
  ['PUT', '/tags', { tags: ['changed'] }],
  ['PUT', '/alias', { patches: [] }],
  ['PUT', '/aliases', { patches: [] }],
  ['PUT', '/metadata', { patches: [{ op: 'add', path: '/changed', value: true }] }],
  ['POST', '/disable'],
  ['POST', '/enable'],
  ['POST', '/rotate'],
  ['DELETE', ''],
];

/** RFC 9110 §13.1.1: a change is made to the version it was meant for, or not at all. */
describe('If-Match', () => {
  let app: TestApp;
  let client: KmsCaller;

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  async function versionThree(): Promise<Key> {
    const { key_id: id } = await client.create();
    for (const name of ['two', 'three']) await client.call('PUT', keyPath(id, '/name'), { name });
    return client.read(id);
  }

  describe.each(CHANGES)('on %s /keys/{id}%s', (method, below, body) => {
    const change = (ref: string, ifMatch: string): Promise<Answer> =>
      client.call(method, keyPath(ref, below), body, { 'if-match': ifMatch });

    it.each(['"3"', '*', ' * ', '"1", "3"', '"nonsense","3"', 'W/"2", "3"'])(
      '200 for %s',
      async (ifMatch) => {
        const { key_id: id } = await versionThree();
        expect((await change(id, ifMatch)).status).toBe(200);
      },
    );

    it('412 for another version or a weak tag, and nothing is changed', async () => {
      const key = await versionThree();
      for (const ifMatch of ['"2"', '"4"', '"03"', 'W/"3"', '"1", "2"', '""']) {
        expect([ifMatch, ...refusal(await change(key.key_id, ifMatch))]).toEqual([
          ifMatch,
          412,
          'stale_version',
        ]);
      }
      expect(await client.read(key.key_id)).toEqual(key);
    });

    it('400 for what is no list of tags, and nothing is changed', async () => {
      const key = await versionThree();
      for (const ifMatch of ['3', '"3', "'3'", '"3" "3"', 'w/"3"', '*, "3"']) {
        expect([ifMatch, ...refusal(await change(key.key_id, ifMatch))]).toEqual([
          ifMatch,
          400,
          'malformed_request',
        ]);
      }
      expect(await client.read(key.key_id)).toEqual(key);
    });

    it('404 for an unknown key, whatever version is meant', async () => {
      for (const ifMatch of ['"1"', '*', 'nonsense']) {
        expect(refusal(await change(UNKNOWN_KEY, ifMatch))).toEqual([404, 'not_found']);
      }
    });

    it('lets one of many through that were meant for the same version', async () => {
      const { key_id: id } = await versionThree();
      const answers = await Promise.all(Array.from({ length: 6 }, () => change(id, '"3"')));
      const statuses = answers.map(({ status }) => status);
      // Enabling an enabled key changes nothing, not even its version.
      if (below === '/enable') expect(statuses).toEqual(Array(6).fill(200));
      else expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      for (const status of statuses) expect([200, 404, 409, 412]).toContain(status);
    });
  });
});
