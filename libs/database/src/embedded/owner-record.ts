import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunningPostmaster } from './postmaster-pid-file.js';

const recordSchema = z.strictObject({
  kind: z.enum(['api', 'cli']),
  pid: z.number().int().positive(),
  postmasterPid: z.number().int().positive(),
  port: z.number().int().positive(),
});

/** Which program runs the embedded server of a data folder; there while that server can be joined. */
export type OwnerRecord = Readonly<z.infer<typeof recordSchema>>;

const fileOf = (dataDir: string): string => join(dataDir, 'owner.json');

/** Tells others of the server that this process runs. */
export async function writeOwnerRecord(dataDir: string, record: OwnerRecord): Promise<void> {
  const unfinished = `${fileOf(dataDir)}.${crypto.randomUUID()}`;
  await writeFile(unfinished, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(unfinished, fileOf(dataDir));
}

export async function removeOwnerRecord(dataDir: string): Promise<void> {
  await rm(fileOf(dataDir), { force: true });
}

/**
 * The record of a running server. Undefined where it speaks of an earlier one, or where the program that
 * started the server is its parent no longer: then the server is about to end.
 */
export async function findOwner(
  dataDir: string,
  server: RunningPostmaster,
): Promise<OwnerRecord | undefined> {
  try {
    const record = recordSchema.parse(JSON.parse(await readFile(fileOf(dataDir), 'utf8')));
    return record.postmasterPid === server.pid && record.pid === server.parentPid ? record : undefined;
  } catch {
    return undefined;
  }
}
