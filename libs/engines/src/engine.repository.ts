import type { Transaction } from '#database';
import type { EngineChange, EngineRecord } from './engine-record.js';

interface EngineRow {
  id: string;
  type: EngineRecord['type'];
  name: string;
  config: EngineRecord['config'];
  secrets: EngineRecord['secrets'];
  tenants: string[] | null;
  is_default: boolean;
  version: number;
  created_ts: Date;
  updated_ts: Date;
}

const COLUMNS = 'id, type, name, config, secrets, tenants, is_default, version, created_ts, updated_ts';

const fromRow = (row: EngineRow): EngineRecord => ({
  id: row.id,
  type: row.type,
  name: row.name,
  config: row.config,
  secrets: row.secrets,
  tenants: row.tenants,
  isDefault: row.is_default,
  version: row.version,
  createdTs: row.created_ts,
  updatedTs: row.updated_ts,
});

/** All registered engines, in the order of their ids. */
export async function listEngines(tx: Transaction): Promise<EngineRecord[]> {
  return (await tx.query<EngineRow>(`SELECT ${COLUMNS} FROM engine ORDER BY id`)).map(fromRow);
}

/** What tells whether anything changed, at little cost: `id` and `version` of each. */
export const listEngineVersions = (tx: Transaction): Promise<{ id: string; version: number }[]> =>
  tx.prepared('engine_versions', 'SELECT id, version FROM engine ORDER BY id', []);

/** A registered engine; as the system role it can be locked until the transaction ends. */
export async function findEngine(
  tx: Transaction,
  id: string,
  { lock = false } = {},
): Promise<EngineRecord | undefined> {
  // Not every text can be asked for.
  if (id.includes('\0')) return undefined;
  const text = `SELECT ${COLUMNS} FROM engine WHERE id = $1${lock ? ' FOR UPDATE' : ''}`;
  const [row] = await tx.query<EngineRow>(text, [id]);
  return row && fromRow(row);
}

/** Undefined where there is one of that id already. */
export async function insertEngine(
  tx: Transaction,
  { id, type, name, config, secrets, tenants, isDefault }: EngineChange & Pick<EngineRecord, 'id' | 'type'>,
): Promise<EngineRecord | undefined> {
  if (isDefault) await clearDefault(tx);
  const [row] = await tx.query<EngineRow>(
    `INSERT INTO engine (id, type, name, config, secrets, tenants, is_default) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`,
    [id, type, name, JSON.stringify(config), JSON.stringify(secrets), tenants, isDefault],
  );
  return row && fromRow(row);
}

/** Writes a change to a locked engine, moving its version on. */
export async function updateEngine(
  tx: Transaction,
  id: string,
  { name, config, secrets, tenants, isDefault }: EngineChange,
): Promise<EngineRecord> {
  if (isDefault) await clearDefault(tx, id);
  const [row] = await tx.query<EngineRow>(
    `UPDATE engine SET name = $2, config = $3, secrets = $4, tenants = $5, is_default = $6,
                       version = version + 1, updated_ts = now()
      WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, name, JSON.stringify(config), JSON.stringify(secrets), tenants, isDefault],
  );
  return fromRow(row!);
}

/** Removes an engine of that version. Gives how many that were. */
export const deleteEngine = (tx: Transaction, id: string, version: number): Promise<number> =>
  tx.execute('DELETE FROM engine WHERE id = $1 AND version = $2', [id, version]);

/** Live keys of an engine, of all tenants or of those that are not among `tenants`; as the system role. */
export async function countKeys(tx: Transaction, id: string, tenants?: readonly string[]): Promise<number> {
  const [row] = await tx.query<{ keys: number }>('SELECT engine_keys($1, $2)::int AS keys', [
    id,
    tenants ?? null,
  ]);
  return row!.keys;
}

/** There is one default at most; whoever becomes it takes it from another. */
async function clearDefault(tx: Transaction, except = ''): Promise<void> {
  // Two who become it at once do so one after the other.
  await tx.query('LOCK TABLE engine IN SHARE ROW EXCLUSIVE MODE');
  await tx.query(
    'UPDATE engine SET is_default = false, version = version + 1, updated_ts = now() WHERE is_default AND id <> $1',
    [except],
  );
}
