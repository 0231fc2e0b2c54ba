import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newSecretKey } from './random.js';
import { RootRing } from './root-ring.js';
import { RootRingError } from './root-ring-error.js';
import { addRoot, removeRoot } from './root-ring-file.js';
import type { SealBinding } from './sealer.js';

const binding: SealBinding = { tenantId: 'acme', purpose: 'tenant-key', objectId: 'acme', version: 1 };
const line = (id: string, fill: number): string => `${id} ${Buffer.alloc(32, fill).toString('base64')}\n`;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'root-ring-'));
  file = join(folder, 'root.key');
});

afterEach(() => rmSync(folder, { recursive: true }));

const write = (text: string, mode = 0o600): void => {
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
};

describe('reading a ring', () => {
  it('takes the last line as the active root and skips comments', () => {
    write(`# made today\n${line('a', 1)}\n${line('b', 2).trimEnd()} # newest\n`);
    const ring = new RootRing(file);
    expect(ring.ids()).toEqual(['a', 'b']);
    expect(ring.activeId).toBe('b');
  });

  it.each([
    ['is readable by the group', line('a', 1), 0o640],
    ['is readable by others', line('a', 1), 0o604],
    ['is writable by others', line('a', 1), 0o602],
    ['repeats an id', line('a', 1) + line('a', 2), 0o600],
    ['has one key under two ids', line('a', 1) + line('b', 1), 0o600],
    ['has a short key', `a ${Buffer.alloc(31, 5).toString('base64')}`, 0o600],
    ['has a key that is not canonical base64', line('a', 1).replace('=', ''), 0o600],
    ['has an id in capitals', line('A', 1), 0o600],
    ['has an id of 33 characters', line('a'.repeat(33), 1), 0o600],
    ['has a third column', line('a', 1).replace('\n', ' x\n'), 0o600],
    ['has no root', '# nothing\n', 0o600],
  ])('refuses a file that %s, naming it and nothing of its content', (_, text, mode) => {
    write(text, mode);
    try {
      new RootRing(file);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(RootRingError);
      expect((error as Error).message).toContain(file);
      for (const word of text.split(/\s+/).filter((one) => one.length > 20)) {
        expect((error as Error).message).not.toContain(word);
      }
    }
  });

  it('refuses a missing file and a folder', () => {
    expect(() => new RootRing(file)).toThrow(/does not exist/);
    chmodSync(folder, 0o700);
    expect(() => new RootRing(folder)).toThrow(/is not a file/);
  });
});

describe('wrapping', () => {
  it('unwraps what any of its roots wrapped', () => {
    write(line('a', 1));
    const ring = new RootRing(file);
    const key = newSecretKey();
    const { rootId, wrapped } = ring.wrap(binding, key);
    write(line('a', 1) + line('b', 2));
    expect(rootId).toBe('a');
    expect(ring.wrap(binding, key).rootId).toBe('b');
    expect(ring.unwrap('a', binding, wrapped).expose('test')).toEqual(key.expose('test'));
  });

  it('sees a root that another process added, when it is asked for it', () => {
    addRoot(file, 'a');
    const ring = new RootRing(file);
    addRoot(file, 'b');
    const { wrapped } = new RootRing(file).wrap(binding, newSecretKey());
    expect(ring.unwrap('b', binding, wrapped).length).toBe(32);
  });

  it('answers unavailable for a root it does not have, also after the file became unreadable', () => {
    write(line('a', 1));
    const ring = new RootRing(file);
    expect(() => ring.unwrap('z', binding, Buffer.alloc(60))).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
    write('broken\n');
    expect(() => ring.wrap(binding, newSecretKey())).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });

  it('refuses another binding', () => {
    write(line('a', 1));
    const ring = new RootRing(file);
    const { wrapped } = ring.wrap(binding, newSecretKey());
    expect(() => ring.unwrap('a', { ...binding, tenantId: 'other' }, wrapped)).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });

  it('tells another key under a known id by its check value', () => {
    write(line('a', 1));
    const check = new RootRing(file).checkValue('a');
    expect(check.length).toBe(16);
    write(line('a', 2));
    expect(new RootRing(file).checkValue('a')).not.toEqual(check);
    write(line('other', 1));
    expect(new RootRing(file).checkValue('other')).toEqual(check);
  });
});

describe('changing a ring', () => {
  it('makes the file for its owner only, and keeps the lines and mode it has', () => {
    addRoot(file, 'a');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o400);
    const before = readFileSync(file, 'utf8');
    addRoot(file, 'b');
    expect(readFileSync(file, 'utf8').startsWith(before)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o400);
    expect(new RootRing(file).activeId).toBe('b');
    expect(existsSync(`${file}.next`)).toBe(false);
  });

  it('adds to a file that does not end in a newline', () => {
    write(line('a', 1).trimEnd());
    addRoot(file, 'b');
    expect(new RootRing(file).ids()).toEqual(['a', 'b']);
  });

  it('changes the target of a symbolic link', () => {
    addRoot(file, 'a');
    const link = join(folder, 'link');
    symlinkSync(file, link);
    addRoot(link, 'b');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(new RootRing(file).ids()).toEqual(['a', 'b']);
  });

  it('removes a root, but never the active one', () => {
    write(`# first\n${line('a', 1)}${line('b', 2)}`);
    removeRoot(file, 'a');
    expect(readFileSync(file, 'utf8')).toBe(`# first\n${line('b', 2)}`);
    expect(() => removeRoot(file, 'b')).toThrow(/active root/);
    expect(() => removeRoot(file, 'a')).toThrow(/no root of that id/);
  });

  it.each([
    ['an id that is taken', 'a', /already/],
    ['an id that is none', 'A b', /root id/],
  ])('refuses %s and changes nothing', (_, id, reason) => {
    write(line('a', 1));
    expect(() => addRoot(file, id)).toThrow(reason);
    expect(readFileSync(file, 'utf8')).toBe(line('a', 1));
    addRoot(file, 'next-one');
  });

  it('refuses while another change is under way', () => {
    write(line('a', 1));
    writeFileSync(`${file}.next`, '');
    expect(() => addRoot(file, 'b')).toThrow(/is being changed/);
    expect(existsSync(`${file}.next`)).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(line('a', 1));
  });
});
