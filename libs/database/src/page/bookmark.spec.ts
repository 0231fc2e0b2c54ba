import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError, SecretBytes } from '#kernel';
import { decodeBookmark, encodeBookmark, type BookmarkState } from './bookmark.js';

const KEY = SecretBytes.take(Buffer.alloc(32, 7));
const AAD = 'bookmark/keys/acme';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const STATE: BookmarkState = {
  filters: ['algorithm[eq]RSA', 'metadata."a;b"[ct]"ж"'],
  sortBy: 'creation_ts',
  sortMode: 'desc',
  limit: 50,
  after: ['2025-11-07T10:00:00.000000Z', 'key-1'],
};

const refusal = (decode: () => unknown): void => {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('invalid_bookmark');
    return;
  }
  expect.unreachable('the bookmark was accepted');
};

describe('bookmarks', () => {
  it('give back what they were made of', () => {
    const state = fc.record<BookmarkState>({
      filters: fc.array(fc.string({ unit: 'grapheme' })),
      sortBy: fc.string(),
      sortMode: fc.constantFrom('asc', 'desc'),
      limit: fc.integer({ min: 1, max: 200 }),
      after: fc.array(fc.string({ unit: 'grapheme' })),
    });
    fc.assert(
      fc.property(state, (made) => {
        expect(decodeBookmark(KEY, AAD, encodeBookmark(KEY, AAD, made))).toEqual(made);
      }),
    );
  });

  it('say nothing of the listing and are fit for a URL', () => {
    const bookmark = encodeBookmark(KEY, AAD, STATE);
    expect(bookmark).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(Buffer.from(bookmark, 'base64url').toString('latin1')).not.toContain('RSA');
    expect(encodeBookmark(KEY, AAD, STATE)).not.toBe(bookmark);
  });

  it('are refused after any change of one character, the last one included', () => {
    for (const filters of [[], ['a'], ['ab'], ['abc']]) {
      const bookmark = encodeBookmark(KEY, AAD, { ...STATE, filters });
      for (let at = 0; at < bookmark.length; at += 1) {
        const others =
          at === bookmark.length - 1 ? [...ALPHABET] : ['A', '-', bookmark[at] === 'b' ? 'c' : 'b'];
        for (const other of others.filter((character) => character !== bookmark[at])) {
          refusal(() => decodeBookmark(KEY, AAD, bookmark.slice(0, at) + other + bookmark.slice(at + 1)));
        }
      }
    }
  });

  it.each<[string, (bookmark: string) => string]>([
    ['padded', (bookmark) => `${bookmark}=`],
    ['longer', (bookmark) => `${bookmark}A`],
    ['shorter', (bookmark) => bookmark.slice(0, -1)],
    ['followed by white space', (bookmark) => `${bookmark}\n`],
    ['preceded by white space', (bookmark) => ` ${bookmark}`],
    ['empty', () => ''],
    ['plain base64', () => Buffer.from(JSON.stringify(STATE)).toString('base64url')],
    ['very long', () => 'A'.repeat(1_000_000)],
    ['not ASCII', () => 'ключ'],
  ])('are refused when %s', (_, change) => {
    refusal(() => decodeBookmark(KEY, AAD, change(encodeBookmark(KEY, AAD, STATE))));
  });

  it('are refused with another tenant, listing or key', () => {
    const bookmark = encodeBookmark(KEY, AAD, STATE);
    refusal(() => decodeBookmark(KEY, 'bookmark/keys/other', bookmark));
    refusal(() => decodeBookmark(KEY, 'bookmark/audit/acme', bookmark));
    refusal(() => decodeBookmark(SecretBytes.take(Buffer.alloc(32, 8)), AAD, bookmark));
  });

  it('are refused whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => refusal(() => decodeBookmark(KEY, AAD, text))),
    );
  });
});
