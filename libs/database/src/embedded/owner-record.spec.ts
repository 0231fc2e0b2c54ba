import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findOwner, removeOwnerRecord, writeOwnerRecord, type OwnerRecord } from './owner-record.js';

const record: OwnerRecord = { kind: 'api', pid: 100, postmasterPid: 200, port: 5432 };
const server = { pid: 200, parentPid: 100, port: 5432, isReady: true };
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'claviger-owner-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

it('tells who runs a server', async () => {
  await writeOwnerRecord(dataDir, record);
  expect(await findOwner(dataDir, server)).toEqual(record);
});

it('says nothing of a later server', async () => {
  await writeOwnerRecord(dataDir, record);
  expect(await findOwner(dataDir, { ...server, pid: 201 })).toBeUndefined();
});

it('says nothing once the owner is the parent of its server no longer', async () => {
  await writeOwnerRecord(dataDir, record);
  expect(await findOwner(dataDir, { ...server, parentPid: 1 })).toBeUndefined();
});

it.each(['', '{', '{}', '{"kind":"api","pid":100,"postmasterPid":200,"port":"5432"}'])(
  'ignores a damaged file: %s',
  async (text) => {
    writeFileSync(join(dataDir, 'owner.json'), text);
    expect(await findOwner(dataDir, server)).toBeUndefined();
  },
);

it('is gone once removed, and may be removed twice', async () => {
  await writeOwnerRecord(dataDir, record);
  await removeOwnerRecord(dataDir);
  await removeOwnerRecord(dataDir);
  expect(await findOwner(dataDir, server)).toBeUndefined();
});
