import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { randomBytes } from './random.js';
import { RootRingError } from './root-ring-error.js';

/*
 * A ring is a text file: `<id> <base64 of 32 bytes>` a line, `#` begins a comment, the last line is the
 * active root. Whoever reads it owns every key of the platform.
 */
const ROOT_ID = /^[a-z0-9-]{1,32}$/;
const ROOT_LENGTH = 32;
const MAX_FILE_BYTES = 64 * 1024;

export interface RootRingContent {
  /** In the order of the file: the last is active. */
  readonly roots: ReadonlyMap<string, Buffer>;
  readonly text: string;
  readonly stats: Stats;
}

const reasonOf = (error: unknown): string =>
  ({ ENOENT: 'does not exist', EACCES: 'may not be read by this user' })[
    (error as NodeJS.ErrnoException).code ?? ''
  ] ?? 'cannot be read or written';

function parseRoots(file: string, text: string): Map<string, Buffer> {
  const roots = new Map<string, Buffer>();
  for (const [index, line] of text.split('\n').entries()) {
    const bare = line.replace(/#.*/, '').trim();
    if (bare === '') continue;
    const [id = '', encoded = '', ...rest] = bare.split(/\s+/);
    const root = Buffer.from(encoded, 'base64');
    const wellFormed = ROOT_ID.test(id) && rest.length === 0 && root.length === ROOT_LENGTH;
    if (!wellFormed || root.toString('base64') !== encoded) {
      throw new RootRingError(file, `line ${index + 1} is not "<id> <base64 of 32 bytes>"`);
    }
    if (roots.has(id)) throw new RootRingError(file, `line ${index + 1} repeats an id`);
    if ([...roots.values()].some((other) => other.equals(root))) {
      throw new RootRingError(file, `line ${index + 1} repeats a key under another id`);
    }
    roots.set(id, root);
  }
  return roots;
}

/** Reads a ring. Throws `RootRingError` where it is missing, open to others, malformed or empty. */
export function readRootRing(file: string): RootRingContent {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new RootRingError(file, 'is not a file');
    if ((stats.mode & 0o077) !== 0) throw new RootRingError(file, 'is open to group or others: chmod 600 it');
    if (stats.size > MAX_FILE_BYTES) throw new RootRingError(file, 'is too large');
    const text = readFileSync(fd, 'utf8');
    const roots = parseRoots(file, text);
    if (roots.size === 0) throw new RootRingError(file, 'has no root');
    return { roots, text, stats };
  } catch (error) {
    throw error instanceof RootRingError ? error : new RootRingError(file, reasonOf(error), { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function readIfThere(file: string): RootRingContent | undefined {
  try {
    return readRootRing(file);
  } catch (error) {
    if (((error as RootRingError).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
      return undefined;
    throw error;
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Changes a ring so that readers and a crash see either the old or the new one. The file beside it is also
 * the lock: two changes at once cannot lose a root.
 */
function changeRing(file: string, change: (before: RootRingContent | undefined) => string): void {
  let next: string | undefined;
  try {
    // Through a symbolic link to its target, which a rename would else leave behind.
    const target = readIfThere(file) ? realpathSync(file) : file;
    const fd = openSync(`${target}.next`, 'wx', 0o600);
    next = `${target}.next`;
    try {
      const before = readIfThere(target);
      writeFileSync(fd, change(before));
      if (before) {
        if (process.getuid?.() === 0) fchownSync(fd, before.stats.uid, before.stats.gid);
        fchmodSync(fd, before.stats.mode & 0o700);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(next, target);
    next = undefined;
    syncFolder(dirname(target));
  } catch (error) {
    if (error instanceof RootRingError) throw error;
    const locked = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const reason = locked
      ? 'is being changed; if nothing runs, remove the file beside it that ends in .next'
      : reasonOf(error);
    throw new RootRingError(file, reason, { cause: error });
  } finally {
    if (next !== undefined) rmSync(next, { force: true });
  }
}

/** Adds a fresh root, which becomes the active one; makes the file (0600) where there is none. Throws `RootRingError`. */
export function addRoot(file: string, id: string): void {
  if (!ROOT_ID.test(id)) throw new RootRingError(file, 'a root id is 1 to 32 of a-z, 0-9 and "-"');
  changeRing(file, (before) => {
    if (before?.roots.has(id)) throw new RootRingError(file, 'has a root of that id already');
    const text =
      before?.text ??
      '# Root keys of the platform. The last line is the active one. Keep a copy elsewhere.\n';
    return `${text}${text.endsWith('\n') ? '' : '\n'}${id} ${randomBytes(ROOT_LENGTH).toString('base64')}\n`;
  });
}

/**
 * Removes a root that is not the active one. What it wrapped is lost with it: the caller makes sure that
 * nothing is. Throws `RootRingError`.
 */
export function removeRoot(file: string, id: string): void {
  changeRing(file, (before) => {
    if (!before?.roots.has(id)) throw new RootRingError(file, 'has no root of that id');
    if ([...before.roots.keys()].at(-1) === id)
      throw new RootRingError(file, 'the active root cannot be removed');
    return before.text
      .split('\n')
      .filter((line) => line.trim().split(/\s+/)[0] !== id)
      .join('\n');
  });
}
