import { describe, expect, it } from 'vitest';
import { areContradictory } from './contradiction.js';
import { parseFilter } from './parser.js';
import { FIELDS } from './testing/fields.js';

const contradictory = (filter: string): boolean => areContradictory(parseFilter([filter], FIELDS));

describe('conditions', () => {
  it.each([
    'name[eq]a;name[eq]b',
    'name[eq]a;size[gt]1;name[eq]b',
    'name[eq]a;name[eq]a;name[eq]b',
    'size[eq]1;size[eq]2',
    'metadata.a[eq]x;metadata.a[eq]y',
    'metadata.a.b[eq]5;tags[ct]a;metadata.a.b[eq]6',
    'metadata.a[eq]5;metadata.a[eq]x',
    'metadata.a[eq]true;metadata.a[eq]false',
    'has_private_key[eq]true;has_private_key[eq]false',
  ])('contradict each other: %s', (filter) => {
    expect(contradictory(filter)).toBe(true);
  });

  it.each([
    'name[eq]a',
    'name[eq]a;name[eq]a',
    'name[eq]a;name[ne]b',
    // Each of these some row may meet.
    'name[eq_ic]a;name[eq_ic]A',
    'name[eq]a;name[eq_ic]A',
    'tags[ct]a;tags[ct]b',
    'size[eq]1;size[eq]1.0',
    'creation_ts[eq]2025-01-01;creation_ts[eq]2025-01-01T00:00:00.000Z',
    'metadata.a[eq]5;metadata.a[eq]5.0',
    'metadata.a[eq]5;metadata.a[eq]6.0',
    'metadata.a[eq]x;metadata.b[eq]y',
    'metadata.a[eq]x;metadata.a.b[eq]y',
    'metadata.a[eq]x;metadata.a[ne]y',
  ])('do not contradict each other: %s', (filter) => {
    expect(contradictory(filter)).toBe(false);
  });
});
