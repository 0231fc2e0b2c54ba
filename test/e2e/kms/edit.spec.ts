import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, UNKNOWN_KEY, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

const add = (value: unknown): object => ({ op: 'add', path: '/-', value });

describe('what describes a key', () => {
  let app: TestApp;
  let client: KmsCaller;
  let key: Key;

  const put = (what: string, body: unknown, ref = key.key_id): Promise<Answer<Key>> =>
    client.call<Key>('PUT', keyPath(ref, `/${what}`), body);

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
  });

  beforeEach(async () => {
    key = await client.create({ name: 'first', tags: ['one', 'two'] });
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  const expectUnchanged = async (): Promise<void> => expect(await client.read(key.key_id)).toEqual(key);

  describe('PUT name', () => {
    it('200 with the key of the next version', async () => {
      const answer = await put('name', { name: 'second' });
      expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"2"']);
      expect(answer.body).toEqual({ ...key, name: 'second', version: 2, updated_ts: answer.body.updated_ts });
      expect(answer.body.updated_ts >= key.updated_ts).toBe(true);
      expect(await client.read(key.key_id)).toEqual(answer.body);
    });

    it.each([[{}], [{ name: '' }], [{ name: null }], [{ name: 1 }], [{ name: 'x', tags: [] }], [[]], [null]])(
      '400 for %j',
      async (body) => {
        expect((await put('name', body)).status).toBe(400);
        await expectUnchanged();
      },
    );
  });

  describe('PUT tags', () => {
    it('200 and all are replaced, each kept once', async () => {
      const answer = await put('tags', { tags: ['two', 'three', 'two'] });
      expect([answer.status, answer.body.tags]).toEqual([200, ['two', 'three']]);
      const found = async (tag: string) =>
        (await client.list({ filter: `tags[ct]${tag};key_id[eq]${key.key_id}` })).body.list.length;
      expect([await found('one'), await found('two'), await found('three')]).toEqual([0, 1, 1]);
    });

    it('200 for none at all', async () => {
      expect((await put('tags', { tags: [] })).body.tags).toEqual([]);
    });

    it.each([
      [{}],
      [{ tags: null }],
      [{ tags: 'one' }],
      [{ tags: [''] }],
      [{ tags: [['x']] }],
      [{ tags: ['x', null] }],
      [{ tags: { 0: 'x' } }],
      [{ tags: ['x'], name: 'n' }],
    ])('400 for %j', async (body) => {
      expect((await put('tags', body)).status).toBe(400);
      await expectUnchanged();
    });
  });

  describe.each(['alias', 'aliases'])('PUT %s', (what) => {
    it('200 for every operation of JSON Patch on the list', async () => {
      const id = key.key_id.slice(-12);
      const [a, b, c] = [`a-${id}`, `b-${id}`, `c-${id}`];
      const steps: [unknown[], string[]][] = [
        [
          [add(a), add(b)],
          [a, b],
        ],
        [[{ op: 'add', path: '/0', value: c }], [c, a, b]],
        [[{ op: 'move', from: '/0', path: '/2' }], [a, b, c]],
        [
          [
            { op: 'test', path: '/1', value: b },
            { op: 'remove', path: '/1' },
          ],
          [a, c],
        ],
        [[{ op: 'replace', path: '/0', value: b }], [b, c]],
        [[{ op: 'replace', path: '', value: [a] }], [a]],
        [
          [
            { op: 'copy', from: '/0', path: '/-' },
            { op: 'replace', path: '/1', value: c },
          ],
          [a, c],
        ],
        [[], [a, c]],
        [[{ op: 'replace', path: '', value: [] }], []],
      ];
      for (const [patches, expected] of steps) {
        const answer = await put(what, { patches });
        expect([patches, answer.status, answer.body.aliases]).toEqual([patches, 200, expected]);
        for (const alias of [a, b, c]) {
          expect([alias, (await client.get(alias)).status]).toEqual([
            alias,
            expected.includes(alias) ? 200 : 404,
          ]);
        }
      }
    });

    it.each<[string, unknown[]]>([
      ['a number in the list', [add(1)]],
      ['null in the list', [add(null)]],
      ['a list in the list', [add(['x'])]],
      ['an alias twice', [add('double'), add('double')]],
      ['a copy', [add('double'), { op: 'copy', from: '/0', path: '/-' }]],
      ['text for the list', [{ op: 'replace', path: '', value: 'alias' }]],
      ['an object for the list', [{ op: 'replace', path: '', value: { 0: 'alias' } }]],
      ['nothing for the list', [{ op: 'replace', path: '', value: null }]],
      ['a failed test after a good addition', [add('good'), { op: 'test', path: '/0', value: 'bad' }]],
      ['an index out of bounds', [{ op: 'add', path: '/7', value: 'x' }]],
      ['a member of a list', [{ op: 'add', path: '/name', value: 'x' }]],
      ['an index with a leading zero', [{ op: 'add', path: '/00', value: 'x' }]],
      ['the removal of what is not there', [{ op: 'remove', path: '/0' }]],
      ['a member named __proto__', [{ op: 'add', path: '/__proto__', value: 'x' }]],
      ['an unknown operation', [{ op: 'append', path: '/-', value: 'x' }]],
      ['no operation', ['add']],
      ['an operation without a path', [{ op: 'add', value: 'x' }]],
      ['an addition without a value', [{ op: 'add', path: '/-' }]],
    ])('400 for %s, and nothing is changed', async (_, patches) => {
      expect(refusal((await put(what, { patches })) as never)).toEqual([400, 'invalid_patch']);
      await expectUnchanged();
    });

    it.each([[{}], [{ patches: null }], [{ patches: {} }], [{ patches: [], more: 1 }], [[add('x')]]])(
      '400 for the body %j',
      async (body) => {
        expect(refusal((await put(what, body)) as never)).toEqual([400, 'validation_failed']);
        await expectUnchanged();
      },
    );
  });

  describe('an alias', () => {
    it('names one key of its tenant: 409 for another, 200 in another tenant', async () => {
      await client.alias(key.key_id, 'unique');
      const other = await client.create();
      const taken = await put('aliases', { patches: [add('also-mine'), add('unique')] }, other.key_id);
      expect(refusal(taken as never)).toEqual([409, 'alias_taken']);
      expect(await client.read(other.key_id)).toEqual(other);
      expect((await client.get('also-mine')).status).toBe(404);
      const globex = await KmsCaller.of(app, 'globex');
      const foreign = await globex.create();
      expect((await globex.alias(foreign.key_id, 'unique')).aliases).toEqual(['unique']);
      expect((await client.read('unique')).key_id).toBe(key.key_id);
      expect((await globex.read('unique')).key_id).toBe(foreign.key_id);
    });

    it('is given to one of many keys that ask at once', async () => {
      const keys = await Promise.all(Array.from({ length: 8 }, () => client.create()));
      const answers = await Promise.all(
        keys.map(({ key_id: id }) => put('alias', { patches: [add('raced')] }, id)),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
      const winner = answers.findIndex(({ status }) => status === 200);
      expect((await client.read('raced')).key_id).toBe(keys[winner]!.key_id);
    });

    it('is free for another key once it is taken away', async () => {
      await client.alias(key.key_id, 'wandering');
      await put('alias', { patches: [{ op: 'remove', path: '/0' }] });
      const other = await client.create();
      await client.alias(other.key_id, 'wandering');
      expect((await client.read('wandering')).key_id).toBe(other.key_id);
    });

    it('names the key to change as well', async () => {
      await client.alias(key.key_id, 'handle');
      expect((await put('name', { name: 'by alias' }, 'handle')).body.name).toBe('by alias');
      expect((await put('tags', { tags: ['t'] }, key.pkcs11_uri)).body.tags).toEqual(['t']);
    });
  });

  it('loses none of many changes at once', async () => {
    const values = Array.from({ length: 20 }, (_, n) => n);
    const answers = await Promise.all(
      values.map((n) => put('metadata', { patches: [{ op: 'add', path: `/m${n}`, value: n }] })),
    );
    expect(answers.map(({ status }) => status)).toEqual(values.map(() => 200));
    const { metadata, version } = await client.read(key.key_id);
    expect(metadata).toEqual(Object.fromEntries(values.map((n) => [`m${n}`, n])));
    expect(version).toBe(21);
  });

  it('is changed by nobody without a token, the permission or the key', async () => {
    const bodies = {
      name: { name: 'x' },
      tags: { tags: [] },
      alias: { patches: [] },
      metadata: { patches: [] },
    };
    const signer = await KmsCaller.of(app, 'acme', 'kms:keys:read kms:keys:sign kms:keys:delete');
    for (const [what, body] of Object.entries(bodies)) {
      const path = keyPath(key.key_id, `/${what}`);
      expect(refusal(await app.call('PUT', path, { body }))).toEqual([401, 'unauthenticated']);
      expect(refusal(await signer.call('PUT', path, body))).toEqual([403, 'forbidden']);
      expect(refusal((await put(what, body, UNKNOWN_KEY)) as never)).toEqual([404, 'not_found']);
    }
    await expectUnchanged();
  });
});
