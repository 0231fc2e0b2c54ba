import { existsSync } from 'node:fs';
import { loadConfigFor } from '#config';
import { RootRing, addRoot, removeRoot } from '#crypto';
import type { Database } from '#database';
import { AppError, PLATFORM_CHAIN } from '#kernel';
import type { CommandContext, CommandResult } from '../command.js';
import { openDatabase } from '../database-connection.js';
import { operatorContext } from '../operator.js';
import { openPlatform } from '../platform.js';
import { findReachableDatabase } from '../reachable-database.js';
import { listKnownRoots, lostRoots, type KnownRoot } from '../root-inventory.js';
import { makeRingFolder } from '../root-ring.js';

/** `root-<n>`, one above the highest of that form. */
function nextRootId(taken: readonly string[]): string {
  const numbers = taken.map((id) => Number(/^root-(\d{1,9})$/.exec(id)?.[1] ?? 0));
  return `root-${Math.max(0, ...numbers) + 1}`;
}

/** Refuses what would make a ring that the database cannot be opened with. */
function checkAddition(id: string, ring: RootRing | undefined, known: readonly KnownRoot[]): void {
  if (ring?.ids().includes(id) || known.some((root) => root.id === id))
    throw new AppError('key_state', { detail: `There is a root ${id} already.` });
  const lost = lostRoots(known, ring);
  if (lost.length > 0)
    throw new AppError('key_state', {
      detail: `The database was made with ${lost.join(', ')}, which the root key ring does not have: bring that back first.`,
    });
}

/**
 * Adds a fresh root to the ring, which becomes the active one, and makes the ring where there is none. Needs no
 * database; one that can be reached is told. Throws `key_state` where the id is taken or the ring is not the one of
 * the database.
 */
export async function addRootKey(
  options: { readonly id?: string },
  context: CommandContext,
): Promise<CommandResult> {
  const config = loadConfigFor(['rootKey'], context.env);
  const file = config.rootKeyFile;
  const database = await findReachableDatabase(config, context);
  const known = database ? await listKnownRoots(database) : [];
  const ring = existsSync(file) ? new RootRing(file) : undefined;
  const id = options.id ?? nextRootId([...(ring?.ids() ?? []), ...known.map((root) => root.id)]);
  checkAddition(id, ring, known);
  await makeRingFolder(file);
  addRoot(file, id);
  if (database) {
    const { audit } = await openPlatform(config, database, context);
    const detail = { root_id: id };
    await audit.append(operatorContext(), PLATFORM_CHAIN, {
      action: 'platform.root-key.add',
      outcome: 'success',
      detail,
    });
  }
  return {
    json: { root_id: id, file, registered: database !== undefined },
    text: `added ${id} to ${file}; keep a copy of that file elsewhere\n`,
  };
}

/** Moves everything that hangs on older roots to the active one; touches no private key. */
export async function rotateRootKey(context: CommandContext): Promise<CommandResult> {
  const config = loadConfigFor(['database', 'rootKey'], context.env);
  const { root, rootKeys } = await openPlatform(config, await openDatabase(config, context), context);
  const moved = await rootKeys.rotate(operatorContext());
  return { json: { root_id: root.activeId, moved }, text: `moved ${moved} keys to ${root.activeId}\n` };
}

/** Forgets a root in the database, then in the ring. Throws `key_state` while it is in use or active, `not_found`. */
export async function removeRootKey(id: string, context: CommandContext): Promise<CommandResult> {
  const config = loadConfigFor(['database', 'rootKey'], context.env);
  const { root, rootKeys } = await openPlatform(config, await openDatabase(config, context), context);
  await rootKeys.remove(operatorContext(), id);
  // It may be gone from the ring, by hand or in an attempt that was interrupted.
  if (root.ids().includes(id)) removeRoot(config.rootKeyFile, id);
  return { json: { root_id: id, removed: true }, text: `removed ${id}\n` };
}

/** Every root of the ring and of the database, and how many keys hang on it; that is not known without a database. */
export async function listRootKeys(context: CommandContext): Promise<CommandResult> {
  const config = loadConfigFor(['rootKey'], context.env);
  const ring = new RootRing(config.rootKeyFile);
  const database = await findReachableDatabase(config, context);
  const known = await knownById(database);
  const list = [...new Set([...(known?.keys() ?? []), ...ring.ids()])].map((id) => ({
    root_id: id,
    active: id === ring.activeId,
    in_ring: ring.ids().includes(id),
    registered: known ? known.has(id) : null,
    keys: known ? (known.get(id)?.keys ?? 0) : null,
  }));
  const lines = list.map((root) =>
    [
      root.root_id,
      root.active ? 'active' : root.in_ring ? 'older' : 'not in the ring',
      root.keys === null ? 'use unknown' : `${root.keys} keys`,
    ].join('\t'),
  );
  return { json: { list }, text: `${lines.join('\n')}\n` };
}

async function knownById(database: Database | undefined): Promise<Map<string, KnownRoot> | undefined> {
  if (!database) return undefined;
  return new Map((await listKnownRoots(database)).map((root) => [root.id, root]));
}
