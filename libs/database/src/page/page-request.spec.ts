import { describe, expect, it } from 'vitest';
import { AppError } from '#kernel';
import type { ListResource } from '../filter/list-resource.js';
import { FIELDS } from '../filter/testing/fields.js';
import type { BookmarkState } from './bookmark.js';
import { bookmarkState, resolvePage, type PageQuery, type PageRequest } from './page-request.js';

const KEYS: ListResource = {
  from: 'kms_key k',
  tenantColumn: 'k.tenant_id',
  columns: 'k.key_id',
  id: { column: 'k.key_id', type: 'text' },
  fields: FIELDS,
  sorts: {
    creation_ts: { column: 'k.creation_ts', type: 'timestamptz' },
    name: { column: 'k.name', type: 'text' },
    key_id: { column: 'k.key_id', type: 'text' },
    metadata: { column: 'k.metadata', type: 'jsonb' },
  },
  defaultSort: 'creation_ts',
};

const BOOKMARK: BookmarkState = {
  filters: ['name[eq]a', 'size[gt]1'],
  sortBy: 'name',
  sortMode: 'desc',
  limit: 7,
  after: ['a', 'key-1'],
};

const resolve = (query: PageQuery, state: BookmarkState = BOOKMARK): PageRequest =>
  resolvePage(query, KEYS, () => state);

const fault = (query: PageQuery, state?: BookmarkState): [string, string] => {
  try {
    resolve(query, state);
  } catch (error) {
    if (error instanceof AppError) return [error.code, error.errors[0]?.path ?? error.detail];
    throw error;
  }
  return ['none', ''];
};

describe('resolvePage without a bookmark', () => {
  it('has defaults', () => {
    expect(resolve({})).toEqual({
      conditions: [],
      sortBy: 'creation_ts',
      sort: { name: 'creation_ts', path: [], mode: 'asc' },
      limit: 25,
    });
  });

  it.each<[PageQuery, number]>([
    [{ limit: '1' }, 1],
    [{ limit: '200' }, 200],
    [{ page_size: '10' }, 10],
    [{ limit: '10', page_size: '10' }, 10],
    [{ limit: 10 }, 10],
  ])('takes the limit of %j', (query, limit) => {
    expect(resolve(query).limit).toBe(limit);
  });

  it.each([
    '0',
    '201',
    '-1',
    '1.5',
    '010',
    ' 1',
    '1e1',
    '',
    'all',
    '1000',
    ['1', '2'],
    {},
    null,
    Number.NaN,
    1.5,
  ])('refuses the limit %j', (limit) => {
    expect(fault({ limit })).toEqual(['validation_failed', 'limit']);
    expect(fault({ page_size: limit })).toEqual(['validation_failed', 'page_size']);
  });

  it('refuses limit and page_size that differ', () => {
    expect(fault({ limit: '10', page_size: '11' })).toEqual(['validation_failed', 'page_size']);
  });

  it('reads one filter or several', () => {
    expect(resolve({ filter: 'name[eq]a;size[gt]1' }).conditions).toHaveLength(2);
    expect(resolve({ filter: ['name[eq]a', 'size[gt]1'] }).conditions).toHaveLength(2);
    expect(fault({ filter: ['name[eq]a', { x: 1 }] })).toEqual(['validation_failed', 'filter']);
    expect(fault({ filter: 'nope[eq]a' })[0]).toBe('invalid_filter');
  });

  it.each<[string, string[]]>([
    ['name', []],
    ['metadata.a', ['a']],
    ['metadata."a.b".c', ['a.b', 'c']],
  ])('sorts by %s', (sortBy, path) => {
    expect(resolve({ sort_by: sortBy, sort_mode: 'desc' }).sort).toEqual({
      ...{ name: sortBy.split('.')[0], path, mode: 'desc' },
    });
  });

  it.each([
    '',
    'size',
    'metadata',
    'name.a',
    'metadata.',
    '__proto__',
    'constructor',
    'name;',
    ['name', 'name'],
  ])('refuses to sort by %j', (sortBy) => {
    expect(fault({ sort_by: sortBy })).toEqual(['validation_failed', 'sort_by']);
  });

  it.each(['', 'ASC', 'up', ['asc', 'desc']])('refuses the sort mode %j', (mode) => {
    expect(fault({ sort_mode: mode })).toEqual(['validation_failed', 'sort_mode']);
  });
});

describe('resolvePage with a bookmark', () => {
  it('continues the listing of the bookmark', () => {
    expect(resolve({ bookmark: 'b' })).toMatchObject({
      conditions: [{ text: 'name[eq]a' }, { text: 'size[gt]1' }],
      sort: { name: 'name', mode: 'desc' },
      limit: 7,
      after: ['a', 'key-1'],
    });
  });

  it('takes the same parameters again, in other words too, and another limit', () => {
    const again = {
      bookmark: 'b',
      filter: ['name[equal]a', 'size[greaterthan]1'],
      sort_by: 'name',
      sort_mode: 'desc',
    };
    expect(resolve({ ...again, limit: '100' })).toMatchObject({ limit: 100, after: ['a', 'key-1'] });
  });

  it.each<PageQuery>([
    { filter: 'name[eq]a' },
    { filter: 'name[eq]b;size[gt]1' },
    { filter: [] },
    { sort_by: 'creation_ts' },
    { sort_mode: 'asc' },
  ])('refuses %j, which is another listing', (query) => {
    expect(fault({ ...query, bookmark: 'b' })[0]).toBe('invalid_bookmark');
  });

  it.each<Partial<BookmarkState>>([
    { sortBy: 'gone', after: ['a', 'b'] },
    { sortBy: 'metadata.a', after: ['a', 'b'] },
    { after: ['a'] },
    { filters: ['gone[eq]a'] },
  ])('refuses a bookmark with %j, which this release cannot continue', (change) => {
    expect(fault({ bookmark: 'b' }, { ...BOOKMARK, ...change })[0]).toBe('invalid_bookmark');
  });

  it('refuses two bookmarks', () => {
    expect(fault({ bookmark: ['b', 'b'] })).toEqual(['validation_failed', 'bookmark']);
  });

  it('lets what opens bookmarks refuse an empty one', () => {
    const open = (): never => {
      throw new AppError('invalid_bookmark');
    };
    expect(() => resolvePage({ bookmark: '' }, KEYS, open)).toThrow(AppError);
  });
});

describe('bookmarkState', () => {
  it('holds all that a bookmark alone needs', () => {
    const request = resolve({
      filter: 'name[equal]a;size[gt]1',
      sort_by: 'name',
      sort_mode: 'desc',
      limit: '7',
    });
    const state = bookmarkState(request, ['a', 'key-1']);
    expect(state).toEqual(BOOKMARK);
    expect(resolve({ bookmark: 'b' }, state)).toEqual({ ...request, after: ['a', 'key-1'] });
  });
});
