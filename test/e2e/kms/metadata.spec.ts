import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KmsCaller, keyPath, refusal, type Key } from '../../harness/kms-caller.js';

type Json = Record<string, unknown>;

interface Operation {
  op?: unknown;
  path?: unknown;
  from?: unknown;
  value?: unknown;
}

interface PatchRecord {
  comment?: string;
  doc: unknown;
  patch: Operation[];
  expected?: unknown;
  error?: string;
  disabled?: boolean;
}

const RECORDS = (
  JSON.parse(readFileSync('../shared/vectors/json-patch/tests.json', 'utf8')) as PatchRecord[]
).filter((record) => !record.disabled);

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A record about any document, told of the member `doc` of a metadata object. */
function embedded({ doc, patch, expected, error }: PatchRecord): PatchRecord {
  const below = (pointer: unknown): unknown =>
    typeof pointer === 'string' && (pointer === '' || pointer.startsWith('/')) ? `/doc${pointer}` : pointer;
  const moved = patch.map((operation) => ({
    ...operation,
    ...('path' in operation && { path: below(operation.path) }),
    ...('from' in operation && { from: below(operation.from) }),
  }));
  return { doc: { doc }, patch: moved, ...(error ? { error } : { expected: { doc: expected ?? doc } }) };
}

const title = ({ comment, patch }: PatchRecord): string => comment ?? JSON.stringify(patch);

describe('PUT /keys/{id}/metadata', () => {
  let app: TestApp;
  let client: KmsCaller;

  const withMetadata = (metadata: unknown): Promise<Key> => client.create({ algorithm: 'Ed25519', metadata });
  const patch = (key: Key, patches: unknown, headers?: Record<string, string>): Promise<Answer<Key>> =>
    client.call<Key>('PUT', keyPath(key.key_id, '/metadata'), { patches }, headers);
  const lenient = { prefer: 'handling=lenient' };

  beforeAll(async () => {
    app = await TestApp.start();
    client = await KmsCaller.of(app, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  async function expectHolds(record: PatchRecord): Promise<void> {
    const key = await withMetadata(record.doc);
    const answer = await patch(key, record.patch);
    if (record.error !== undefined) {
      expect(refusal(answer as never)).toEqual([400, 'invalid_patch']);
      expect(await client.read(key.key_id)).toEqual(key);
    } else {
      expect([answer.status, answer.body.metadata]).toEqual([200, record.expected ?? record.doc]);
      expect((await client.read(key.key_id)).metadata).toEqual(record.expected ?? record.doc);
    }
  }

  describe('is JSON Patch to the letter (RFC 6902): every public vector', () => {
    const about = RECORDS.filter(({ doc, expected }) => isObject(doc) && isObject(expected ?? doc));
    const others = RECORDS.filter((record) => !about.includes(record));

    it.each(about.map((record) => [title(record), record] as const))('%s', async (_, record) => {
      await expectHolds(record);
    });

    it.each(others.map((record) => [title(record), embedded(record)] as const))(
      'of another document, as a member: %s',
      async (_, record) => {
        await expectHolds(record);
      },
    );

    it('of which there are those that were known', () => {
      expect(about.length).toBeGreaterThanOrEqual(50);
      expect(about.length + others.length).toBeGreaterThanOrEqual(90);
    });
  });

  it('cannot become anything but an object', async () => {
    const key = await withMetadata({ a: [1] });
    for (const value of [null, [], 'text', 1, true]) {
      const answer = await patch(key, [{ op: 'replace', path: '', value }]);
      expect(refusal(answer as never)).toEqual([400, 'invalid_patch']);
    }
    const copied = await patch(key, [{ op: 'copy', from: '/a', path: '' }]);
    expect(refusal(copied as never)).toEqual([400, 'invalid_patch']);
    expect(await client.read(key.key_id)).toEqual(key);
  });

  it('is changed by all operations or none, and names the one that fails', async () => {
    const key = await withMetadata({ a: 1 });
    const answer = await patch(key, [
      { op: 'add', path: '/b', value: 2 },
      { op: 'remove', path: '/a' },
      { op: 'remove', path: '/c' },
    ]);
    expect(answer.body).toMatchObject({
      code: 'invalid_patch',
      errors: [{ path: '/patches/2', message: 'path does not exist' }],
    });
    expect(await client.read(key.key_id)).toEqual(key);
  });

  it('passes over members that an operation does not know', async () => {
    const key = await withMetadata({});
    const answer = await patch(key, [{ op: 'add', path: '/a', value: 1, comment: 'why', from: 7 }]);
    expect([answer.status, answer.body.metadata]).toEqual([200, { a: 1 }]);
  });

  it('is found by its new members and no longer by its old ones', async () => {
    const key = await withMetadata({ colour: 'red', deep: { shade: 'dark' } });
    await patch(key, [
      { op: 'replace', path: '/colour', value: 'blue' },
      { op: 'remove', path: '/deep' },
    ]);
    const found = async (filter: string): Promise<number> =>
      (await client.list({ filter: `${filter};key_id[eq]${key.key_id}` })).body.list.length;
    expect(await found('metadata.colour[eq]red')).toBe(0);
    expect(await found('metadata.deep.shade[eq]dark')).toBe(0);
    expect(await found('metadata.colour[eq]blue')).toBe(1);
  });

  it.each<[string, unknown]>([
    ['__proto__', { op: 'add', path: '/__proto__', value: {} }],
    ['__proto__ below', { op: 'add', path: '/a/__proto__/polluted', value: 1 }],
    ['constructor', { op: 'add', path: '/constructor', value: {} }],
    ['prototype', { op: 'add', path: '/constructor/prototype/x', value: 1 }],
    ['a value with constructor', { op: 'add', path: '/b', value: { constructor: 1 } }],
    ['a value with prototype deep inside', { op: 'add', path: '/b', value: [{ c: { prototype: 1 } }] }],
    ['a copy from __proto__', { op: 'copy', from: '/__proto__', path: '/b' }],
    ['a move from constructor', { op: 'move', from: '/constructor', path: '/b' }],
    ['a test of __proto__', { op: 'test', path: '/__proto__', value: {} }],
  ])('has no member that JavaScript gives a meaning: %s', async (_, operation) => {
    const key = await withMetadata({ a: {} });
    for (const headers of [undefined, lenient]) {
      expect(refusal((await patch(key, [operation], headers)) as never)).toEqual([400, 'invalid_patch']);
    }
    expect(({} as Json).polluted).toBeUndefined();
    expect(await client.read(key.key_id)).toEqual(key);
  });

  it.each(['toString', 'valueOf', 'hasOwnProperty', 'then', 'length', '__defineGetter__', ''])(
    'has members named as what objects inherit, like any other: %j',
    async (name) => {
      const value = { [name]: 'kept', list: [{ [name]: null }] };
      const key = await withMetadata({ [name]: value });
      expect(key.metadata).toEqual({ [name]: value });
      const steps: [unknown, Json][] = [
        [{ op: 'test', path: `/${name}/${name}`, value: 'kept' }, { [name]: value }],
        [
          { op: 'copy', from: `/${name}`, path: '/copy' },
          { [name]: value, copy: value },
        ],
        [{ op: 'remove', path: `/${name}` }, { copy: value }],
        [
          { op: 'add', path: `/${name}`, value },
          { [name]: value, copy: value },
        ],
      ];
      for (const [operation, expected] of steps) {
        const answer = await patch(key, [operation]);
        expect([operation, answer.status, answer.body.metadata]).toEqual([operation, 200, expected]);
      }
      const missing = [{ op: 'test', path: `/copy/list/${name}`, value: 1 }];
      expect((await patch(key, missing)).status).toBe(400);
    },
  );

  it('cannot be made to grow by copies of copies', async () => {
    const key = await withMetadata({ seed: 'x'.repeat(1_000) });
    const patches = Array.from({ length: 60 }, (_, n) => ({ op: 'copy', from: '', path: `/c${n}` }));
    expect(refusal((await patch(key, patches)) as never)).toEqual([400, 'invalid_patch']);
  });

  describe('with Prefer: handling=lenient', () => {
    it('makes missing parents of an addition and forgives the removal of what is not there', async () => {
      const key = await withMetadata({ kept: 1 });
      const patches = [
        { op: 'add', path: '/a/b/c', value: 'deep' },
        { op: 'remove', path: '/missing' },
        { op: 'remove', path: '/missing/deeper' },
      ];
      expect((await patch(key, patches)).status).toBe(400);
      const answer = await patch(key, patches, lenient);
      expect([answer.status, answer.body.metadata]).toEqual([200, { kept: 1, a: { b: { c: 'deep' } } }]);
      expect(answer.headers.get('preference-applied')).toBe('handling=lenient');
    });

    it.each([
      ['a failed test', { op: 'test', path: '/kept', value: 2 }],
      ['the replacement of what is not there', { op: 'replace', path: '/missing', value: 1 }],
      ['a copy of what is not there', { op: 'copy', from: '/missing', path: '/b' }],
      ['a member of a number', { op: 'add', path: '/kept/below', value: 1 }],
      ['an unknown operation', { op: 'upsert', path: '/a', value: 1 }],
      ['a path that is no pointer', { op: 'add', path: 'a', value: 1 }],
    ])('still refuses %s', async (_, operation) => {
      const key = await withMetadata({ kept: 1 });
      expect(refusal((await patch(key, [operation], lenient)) as never)).toEqual([400, 'invalid_patch']);
      expect(await client.read(key.key_id)).toEqual(key);
    });

    it.each([
      ['respond-async, handling=lenient', true],
      ['handling="lenient"', true],
      ['Handling=Lenient; wait=10', true],
      ['handling=strict', false],
      ['handling=lenientish', false],
      ['lenient', false],
    ])('reads the header %s', async (prefer, applied) => {
      const key = await withMetadata({});
      const answer = await patch(key, [{ op: 'remove', path: '/missing' }], { prefer });
      expect(answer.status).toBe(applied ? 200 : 400);
      expect(answer.headers.get('preference-applied')).toBe(applied ? 'handling=lenient' : null);
    });
  });
});
