import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyJsonPatch } from './json-patch.js';

interface PatchRecord {
  comment?: string;
  doc: unknown;
  patch: unknown[];
  expected?: unknown;
  error?: string;
  disabled?: boolean;
}

const RECORDS = (
  JSON.parse(readFileSync('../shared/vectors/json-patch/tests.json', 'utf8')) as PatchRecord[]
).filter((record) => !record.disabled);

describe('applyJsonPatch', () => {
  it.each(
    RECORDS.map(
      (record, index) => [`${index}: ${record.comment ?? JSON.stringify(record.patch)}`, record] as const,
    ),
  )('holds the public vector %s', (_name, record) => {
    const apply = (): unknown => applyJsonPatch(record.doc, record.patch, 'strict');
    if (record.error) expect(apply).toThrowError(expect.objectContaining({ code: 'invalid_patch' }) as Error);
    else expect(apply()).toEqual(record.expected ?? record.doc);
  });

  it('leaves the original alone', () => {
    const original = { a: { b: [1] } };
    applyJsonPatch(original, [{ op: 'add', path: '/a/b/-', value: 2 }], 'strict');
    expect(original).toEqual({ a: { b: [1] } });
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuses %s in a pointer', (name) => {
    expect(() => applyJsonPatch({}, [{ op: 'add', path: `/${name}`, value: 1 }], 'strict')).toThrow(name);
  });

  it('stops a chain of copies that doubles the document', () => {
    const patches = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '', path: `/c${i}` }));
    expect(() => applyJsonPatch({ a: 'x'.repeat(100) }, patches, 'strict')).toThrow('grows too large');
  });

  it('makes missing parents and forgives missing removals when lenient', () => {
    const patches = [
      { op: 'add', path: '/a/b/c', value: 1 },
      { op: 'remove', path: '/nothing/here' },
    ];
    expect(applyJsonPatch({}, patches, 'lenient')).toEqual({ a: { b: { c: 1 } } });
    expect(() => applyJsonPatch({}, patches, 'strict')).toThrow('does not exist');
  });

  it('refuses to move a value into itself', () => {
    expect(() =>
      applyJsonPatch({ a: { b: 1 } }, [{ op: 'move', from: '/a', path: '/a/b' }], 'strict'),
    ).toThrow('itself');
  });
});
