import { describe, expect, it } from 'vitest';
import type { FilterFields } from './filter-field.js';
import { conditionMark } from './marks.js';
import { parseFilter } from './parser.js';

const FIELDS: FilterFields = {
  name: { kind: 'string', column: 'k.name', mark: 'n' },
  public_key: { kind: 'string', column: 'k.public_key' },
  size: { kind: 'number', column: 'k.size', mark: 'z' },
  has_private_key: { kind: 'boolean', column: 'k.has_private_key', mark: 'p' },
  tags: { kind: 'list', column: 'k.tags', mark: 't' },
  metadata: { kind: 'json', column: 'k.metadata', mark: 'm' },
};

const markOf = (filter: string): string | undefined => conditionMark(parseFilter([filter], FIELDS)[0]!);

describe('marks', () => {
  it.each([
    ['name[eq]a', 'n:a'],
    ['size[eq]2048', 'z:2048'],
    ['has_private_key[eq]false', 'p:false'],
    ['tags[ct]a', 't:a'],
    ['metadata.a[eq]x', 'm:1:a=x'],
    ['metadata.ab.ж[eq]5', 'm:2:ab1:ж=5'],
    ['metadata.😀[eq]true', 'm:1:😀=true'],
    ['metadata.a[eq]0.1', 'm:1:a=0.1'],
  ])('serve %s', (filter, mark) => {
    expect(markOf(filter)).toBe(mark);
  });

  it('keep paths apart whose names read the same in a row', () => {
    expect(markOf('metadata.a.b[eq]x')).not.toBe(markOf('metadata."a1:b"[eq]x'));
    expect(markOf('metadata."a=b"[eq]x')).not.toBe(markOf('metadata.a[eq]b=x'));
  });

  it.each([
    ...[
      'name[ne]a',
      'name[eq_ic]a',
      'name[in]a',
      'name[ct]a',
      'public_key[eq]a',
      'tags[nc]a',
      'tags[ct_ic]a',
    ],
    ...['size[eq]2048.0', 'size[eq]2e3', 'size[gt]1', 'has_private_key[ne]true', 'metadata.a[eq]5.0'],
    ...['metadata.a[eq]1e+21', 'metadata.a[eq]-0', 'metadata.a[gt]5', 'metadata[jsonpath]$.a == 1'],
  ])('do not serve %s', (filter) => {
    expect(markOf(filter)).toBeUndefined();
  });
});
