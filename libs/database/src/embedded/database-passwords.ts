import { link, open, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { randomBytes } from '#crypto';
import { AppError } from '#kernel';

const password = z.string().min(32);
const passwordsSchema = z.strictObject({ superuser: password, owner: password, app: password });

/** Passwords of the roles of the embedded database: `postgres`, `claviger_owner`, `claviger_app`. */
export type DatabasePasswords = Readonly<z.infer<typeof passwordsSchema>>;

const fileOf = (dataDir: string): string => join(dataDir, 'database.json');

/** 256 bits, base64url: nothing in it needs quoting in a URL. */
const draw = (): string => randomBytes(32).toString('base64url');

/** Draws passwords for a new folder. Where another process was first, its passwords stay. */
export async function createPasswords(dataDir: string): Promise<void> {
  const unfinished = `${fileOf(dataDir)}.${crypto.randomUUID()}`;
  const passwords: DatabasePasswords = { superuser: draw(), owner: draw(), app: draw() };
  await writeFile(unfinished, `${JSON.stringify(passwords)}\n`, { mode: 0o600, flag: 'wx', flush: true });
  await link(unfinished, fileOf(dataDir)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(unfinished);
}

/**
 * The passwords of a folder. Throws `unavailable` naming the file when it is missing, damaged, not for this
 * user, or open to others.
 */
export async function readPasswords(dataDir: string): Promise<DatabasePasswords> {
  const refusal = (reason: string, cause?: unknown): AppError =>
    new AppError('unavailable', {
      detail: `${fileOf(dataDir)}, the passwords of the embedded database, ${reason}`,
      cause,
    });
  const handle = await open(fileOf(dataDir), 'r').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? refusal('is missing although the database exists: put it back', error)
      : refusal('cannot be read: run as the user that owns it', error);
  });
  try {
    if (((await handle.stat()).mode & 0o077) !== 0) throw refusal('can be read by other users: chmod 600');
    const parsed = passwordsSchema.safeParse(parseJson(await handle.readFile('utf8')));
    if (!parsed.success) throw refusal('is damaged: put it back');
    return parsed.data;
  } finally {
    await handle.close();
  }
}

/** Undefined for what is not JSON: a syntax error would quote the file. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
