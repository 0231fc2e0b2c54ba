import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type Answer } from '../../harness/app.js';
import { KEYS, KmsCaller, refusal, type KeyPage } from '../../harness/kms-caller.js';
import { MIXED_ENGINES, plantMixedKeys } from '../../harness/mixed-keys.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const SORTS: readonly (readonly [string, string, string])[] = [
  ['creation_ts', '123456', '654321'],
  ['updated_ts', '123456', '654321'],
  ['key_id', '123456', '654321'],
  ['name', '123456', '654321'],
  ['algorithm', '235461', '164532'],
  ['size', '245631', '136542'],
  // Numbers, then texts, then what has no such value, in both directions.
  ['metadata.owner', '325146', '152364'],
  ['metadata.retries', '123456', '321654'],
  ['metadata.location.site', '123456', '216543'],
  ['metadata."cost.center"', '512346', '564321'],
];

describe('GET /keys', () => {
  let app: TestApp;
  let client: KmsCaller;

  const ids = ({ body }: Answer<KeyPage>): string => body.list.map((key) => key.key_id.slice(-1)).join('');
  const get = async (query: Record<string, string>): Promise<Answer<KeyPage>> => {
    const answer = await client.list(query);
    if (answer.status !== 200) throw new Error(answer.text);
    return answer;
  };
  const refused = async (query: Record<string, string>): Promise<[number, unknown]> =>
    refusal((await client.list(query)) as never);
  /** The keys of all pages, by the bookmarks alone. */
  const walk = async (query: Record<string, string>): Promise<string[]> => {
    const pages: string[] = [];
    let bookmark = '';
    do {
      const page = await get(bookmark ? { bookmark } : query);
      pages.push(ids(page));
      bookmark = page.body.next_bookmark;
    } while (bookmark !== '');
    return pages;
  };

  beforeAll(async () => {
    app = await TestApp.start({ env: { CLAVIGER_SOFTWARE_ENGINES: MIXED_ENGINES } });
    client = await KmsCaller.of(app, 'acme');
    await plantMixedKeys(app, client, 'acme');
  });

  afterAll(async () => {
    await app.stop();
    await app.installation.remove();
  });

  describe('sort_by', () => {
    it.each(SORTS)('%s: %s ascending, %s descending', async (sort_by, ascending, descending) => {
      expect(ids(await get({ sort_by }))).toBe(ascending);
      expect(ids(await get({ sort_by, sort_mode: 'asc' }))).toBe(ascending);
      expect(ids(await get({ sort_by, sort_mode: 'desc' }))).toBe(descending);
    });

    it.each(SORTS)('%s: pages of every size are the listing', async (sort_by) => {
      for (const sort_mode of ['asc', 'desc']) {
        const whole = ids(await get({ sort_by, sort_mode }));
        for (const limit of [1, 2, 3, 5, 6, 7]) {
          const pages = await walk({ sort_by, sort_mode, limit: String(limit) });
          expect([limit, pages.join('')]).toEqual([limit, whole]);
          expect(pages).toHaveLength(Math.ceil(6 / limit));
        }
      }
    });

    it('works along with every filter, which the bookmark carries', async () => {
      for (const filter of [
        'engine_id[eq]software',
        'metadata.enabled[eq]true',
        'tags[nc]prod',
        'size[lt]400;name[ct]a',
      ]) {
        for (const sort_by of ['creation_ts', 'name', 'metadata.retries']) {
          const whole = ids(await get({ filter, sort_by }));
          expect((await walk({ filter, sort_by, limit: '1' })).join('')).toBe(whole);
        }
      }
    });

    it.each([
      ...[
        'owner',
        'metadata',
        'tags',
        'public_key',
        'Name',
        'name;',
        'name DESC',
        'metadata.',
        'metadata..a',
        '',
      ],
      ...['(SELECT 1)', 'constructor', 'tenant_id', `metadata.${'a.'.repeat(8)}a`, 'x'.repeat(513)],
    ])('400 for %j', async (sort_by) => {
      expect(await refused({ sort_by })).toEqual([400, 'validation_failed']);
    });

    it('400 for an unknown sort_mode', async () => {
      for (const sort_mode of ['ASC', 'up', '']) {
        expect(await refused({ sort_mode })).toEqual([400, 'validation_failed']);
      }
    });
  });

  describe('limit', () => {
    it.each(['limit', 'page_size'])('1 to 200, by the name %s', async (name) => {
      for (const value of ['1', '6', '200']) {
        expect((await get({ [name]: value })).body.list).toHaveLength(Math.min(6, Number(value)));
      }
      for (const value of [
        '0',
        '201',
        '-1',
        '1.5',
        '1e2',
        '01',
        ' 1',
        '',
        'all',
        '0x10',
        '99999999999999999999',
      ]) {
        expect([value, ...(await refused({ [name]: value }))]).toEqual([value, 400, 'validation_failed']);
      }
    });

    it('25 where nothing is said', async () => {
      const many = await KmsCaller.of(app, 'many');
      await Promise.all(Array.from({ length: 27 }, () => many.create({ algorithm: 'Ed25519' })));
      const first = await many.list();
      expect(first.body.list).toHaveLength(25);
      const second = await many.list({ bookmark: first.body.next_bookmark });
      expect([second.body.list.length, second.body.next_bookmark]).toEqual([2, '']);
    });

    it('400 for both names with different values, and for several values', async () => {
      expect((await client.list({ limit: '5', page_size: '5' })).status).toBe(200);
      expect(await refused({ limit: '5', page_size: '6' })).toEqual([400, 'validation_failed']);
      const twice = await client.call('GET', `${KEYS}?limit=5&limit=6`);
      expect(refusal(twice)).toEqual([400, 'validation_failed']);
    });

    it('may change from page to page', async () => {
      const first = await get({ limit: '1' });
      const second = await get({ bookmark: first.body.next_bookmark, limit: '3' });
      expect(ids(second)).toBe('234');
      expect(ids(await get({ bookmark: second.body.next_bookmark }))).toBe('56');
    });
  });

  describe('a bookmark', () => {
    const QUERY = { limit: '2', filter: 'name[ct]a', sort_by: 'name', sort_mode: 'desc' };
    let bookmark: string;

    beforeAll(async () => {
      bookmark = (await get(QUERY)).body.next_bookmark;
    });

    it('is opaque: it shows nothing of the listing, and is another one each time', async () => {
      const bytes = Buffer.from(bookmark, 'base64url').toString('latin1');
      for (const part of ['name', 'acme', 'gamma', 'key-', 'desc']) expect(bytes).not.toContain(part);
      expect((await get(QUERY)).body.next_bookmark).not.toBe(bookmark);
    });

    it('200 with whatever it carries, given again in any of its spellings or not', async () => {
      const next = ids(await get({ bookmark }));
      const spellings: Record<string, string>[] = [
        QUERY,
        { filter: 'name[contains]a' },
        { sort_by: 'name' },
        { limit: '2' },
      ];
      for (const query of spellings) {
        expect(ids(await get({ ...query, bookmark }))).toBe(next);
      }
    });

    it.each([
      [{ filter: 'name[ct]b' }],
      [{ filter: 'name[ct_ic]a' }],
      [{ filter: 'name[ct]a;size[gt]0' }],
      [{ sort_by: 'key_id' }],
      [{ sort_by: 'creation_ts' }],
      [{ sort_mode: 'asc' }],
    ])('400 with another listing: %j', async (other) => {
      expect(await refused({ ...QUERY, ...other, bookmark })).toEqual([400, 'invalid_bookmark']);
    });

    it('400 with a filter where it was made without one', async () => {
      const plain = (await get({ limit: '1' })).body.next_bookmark;
      expect(await refused({ bookmark: plain, filter: 'name[ct]a' })).toEqual([400, 'invalid_bookmark']);
    });

    it('400 with any one character changed', async () => {
      const next = (character: string): string => ALPHABET[(ALPHABET.indexOf(character) + 1) % 64]!;
      const changed = [...bookmark].map(
        (character, at) => bookmark.slice(0, at) + next(character) + bookmark.slice(at + 1),
      );
      const answers = await Promise.all(changed.map((text) => refused({ bookmark: text })));
      expect(answers).toEqual(changed.map(() => [400, 'invalid_bookmark']));
    });

    it('400 with the last character changed to any other, for bookmarks of every length', async () => {
      for (const name of ['Alpha', 'alpha-2', 'beta%', 'beta_1']) {
        const filter = `name[ne]${name}`;
        const made = (await get({ limit: '1', filter, sort_by: `metadata.${name.slice(0, 4)}` })).body
          .next_bookmark;
        const others = [...ALPHABET].filter((character) => character !== made.at(-1));
        const answers = await Promise.all(
          others.map((character) => refused({ bookmark: made.slice(0, -1) + character })),
        );
        expect(answers).toEqual(others.map(() => [400, 'invalid_bookmark']));
      }
    });

    it('400 where it is cut, lengthened, padded, in the other alphabet, or none at all', async () => {
      const none = [
        ...[
          bookmark.slice(1),
          bookmark.slice(0, -1),
          bookmark.slice(0, -4),
          `${bookmark}A`,
          `${bookmark}AAAA`,
        ],
        ...[
          `${bookmark}=`,
          `${bookmark}==`,
          ` ${bookmark}`,
          `${bookmark} `,
          `${bookmark}\n`,
          `"${bookmark}"`,
        ],
        ...[
          `${bookmark.slice(0, 8)}.${bookmark.slice(8)}`,
          bookmark + bookmark,
          'eyJrZXlfaWQiOiJrZXktMTIzIn0=',
          '',
          'x',
        ],
        ...['0', 'null', '=', '\u00e9', Buffer.alloc(64).toString('base64url'), 'A'.repeat(10_000)],
      ];
      for (const text of none) {
        expect([text, ...(await refused({ bookmark: text }))]).toEqual([text, 400, 'invalid_bookmark']);
      }
      const swapped = bookmark.replaceAll('-', '+').replaceAll('_', '/');
      if (swapped !== bookmark)
        expect(await refused({ bookmark: swapped })).toEqual([400, 'invalid_bookmark']);
    });

    it('400 for another tenant, even one with the same keys', async () => {
      const globex = await KmsCaller.of(app, 'globex');
      await plantMixedKeys(app, globex, 'globex');
      expect(refusal((await globex.list({ bookmark })) as never)).toEqual([400, 'invalid_bookmark']);
    });

    it('goes on from the same place when the key it ended with is deleted', async () => {
      const tenant = await KmsCaller.of(app, 'shrinking');
      const keys = [];
      for (let n = 0; n < 4; n += 1) keys.push(await tenant.create({ algorithm: 'Ed25519' }));
      const first = await tenant.list({ limit: '2' });
      await tenant.destroy(keys[1]!.key_id);
      const rest = await tenant.list({ bookmark: first.body.next_bookmark });
      expect(rest.body.list.map((key) => key.key_id)).toEqual([keys[2]!.key_id, keys[3]!.key_id]);
    });
  });

  it('200 with an empty list where there is nothing', async () => {
    const empty = await KmsCaller.of(app, 'empty');
    expect((await empty.list()).body).toEqual({ next_bookmark: '', list: [] });
  });
});
