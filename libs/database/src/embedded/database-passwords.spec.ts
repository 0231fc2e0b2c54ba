import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPasswords, readPasswords } from './database-passwords.js';

let dataDir: string;
let file: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'claviger-passwords-'));
  file = join(dataDir, 'database.json');
});
afterEach(() => rmSync(dataDir, { recursive: true }));

it('draws three different passwords of 256 bits, for the owner of the file only', async () => {
  await createPasswords(dataDir);
  const passwords = Object.values(await readPasswords(dataDir));
  expect(new Set(passwords).size).toBe(3);
  for (const password of passwords) expect(password).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('keeps the first passwords of several starts, and nothing else', async () => {
  await Promise.all(Array.from({ length: 8 }, () => createPasswords(dataDir)));
  const first = await readPasswords(dataDir);
  await createPasswords(dataDir);
  expect(await readPasswords(dataDir)).toEqual(first);
  expect(readdirSync(dataDir)).toEqual(['database.json']);
});

it('names the file when it is missing', async () => {
  await expect(readPasswords(dataDir)).rejects.toThrow(
    `${file}, the passwords of the embedded database, is missing`,
  );
});

it('refuses a file that others can read', async () => {
  await createPasswords(dataDir);
  chmodSync(file, 0o640);
  await expect(readPasswords(dataDir)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('chmod 600'),
  });
});

it.each(['', '{"superuser":"hunter2-hunter2"', '{"superuser":"hunter2-hunter2"}', 'null'])(
  'refuses a damaged file without quoting it: %s',
  async (text) => {
    writeFileSync(file, text, { mode: 0o600 });
    const error = await readPasswords(dataDir).catch((reason: Error) => reason);
    expect(error).toMatchObject({ message: expect.stringContaining('is damaged') });
    expect(`${(error as Error).stack} ${String((error as Error).cause)}`).not.toContain('hunter2');
  },
);
