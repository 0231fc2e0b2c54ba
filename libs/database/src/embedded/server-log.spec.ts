import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServerLog } from './server-log.js';

const MEBIBYTE = 1024 * 1024;
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claviger-log-'));
  file = join(folder, 'postgres.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('goes on where an earlier run ended, readable by its owner only', () => {
  new ServerLog(file).write(Buffer.from('first\n'));
  new ServerLog(file).write(Buffer.from('second\n'));
  expect(readFileSync(file, 'utf8')).toBe('first\nsecond\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('keeps at most two files of 5 MiB, the newest lines among them', () => {
  const log = new ServerLog(file);
  for (let mebibyte = 0; mebibyte < 23; mebibyte += 1)
    log.write(Buffer.alloc(MEBIBYTE, String(mebibyte % 10)));
  expect(statSync(file).size).toBeLessThanOrEqual(5 * MEBIBYTE);
  expect(statSync(`${file}.1`).size).toBeLessThanOrEqual(5 * MEBIBYTE);
  expect(readFileSync(file, 'utf8').at(-1)).toBe('2');
});

it('counts what earlier runs wrote', () => {
  writeFileSync(file, Buffer.alloc(5 * MEBIBYTE));
  new ServerLog(file).write(Buffer.from('new\n'));
  expect(readFileSync(file, 'utf8')).toBe('new\n');
});

it('has the last words although they could not be written', () => {
  const log = new ServerLog(join(folder, 'gone/postgres.log'));
  log.write(Buffer.from('FATAL:  disk full\n'));
  expect(log.tail).toBe('FATAL:  disk full\n');
});

it.skipIf(process.getuid?.() === 0)('sets a file aside that another user left', () => {
  writeFileSync(file, 'theirs\n');
  chmodSync(file, 0o400);
  new ServerLog(file).write(Buffer.from('ours\n'));
  expect(readFileSync(file, 'utf8')).toBe('ours\n');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('theirs\n');
});
