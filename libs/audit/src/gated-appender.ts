import type { Database, DatabaseSession } from '#database';
import { AppError } from '#kernel';
import { APPEND, LANES, RELEASE, type AppendedRow } from './audit-sql.js';

/** A record waiting for its commit. */
export interface PendingRecord {
  readonly tenantId: string;
  /** Set: insert only while this key and its tenant are enabled. */
  readonly gateKeyId: string | null;
  readonly body: string;
  readonly settle: (row: AppendedRow | undefined) => void;
  readonly fail: (error: unknown) => void;
}

const BATCH = 256;
const LANE_LOCK = 4_827_303;
const LANE_QUERY = `SELECT n FROM generate_series(1, ${LANES}) n WHERE pg_try_advisory_lock(${LANE_LOCK}, n) LIMIT 1`;

/**
 * Group commit: whatever waits while one batch is being committed goes into the next. One batch is under way
 * at a time, on a session that owns a lane, so that processes never wait for each other's commits.
 */
export class GatedAppender {
  #session: DatabaseSession | undefined;
  #lane = 1;
  readonly #queue: PendingRecord[] = [];
  #running: Promise<void> | undefined;
  #held: string[] = [];

  constructor(
    private readonly database: Database,
    private readonly onAppended: (
      lane: number,
      batch: readonly PendingRecord[],
      rows: readonly AppendedRow[],
    ) => void,
  ) {}

  push(record: PendingRecord): void {
    this.#queue.push(record);
    this.#running ??= this.#drain();
  }

  /** Resolves when everything pushed so far is settled; ends the session. */
  async close(): Promise<void> {
    while (this.#running) await this.#running;
    this.#drop();
  }

  async #drain(): Promise<void> {
    // Records pushed in the same turn of the event loop share the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#settleBatch(this.#queue.splice(0, BATCH).sort(byTenantThenKey));
      // What came meanwhile releases with its own batch; when nothing came, the release is sent alone.
      if (this.#queue.length === 0) await this.#release().catch(() => this.#drop());
    }
    // In the same turn as the last look at the queue: a record pushed after it starts a new drain.
    this.#running = undefined;
  }

  async #settleBatch(batch: readonly PendingRecord[]): Promise<void> {
    try {
      await this.#commit(batch);
    } catch (error) {
      this.#drop();
      for (const record of batch) record.fail(error);
    }
    // Answers are written in this turn; only then may a revocation that waits for them go on.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Gives up the session, and with it whatever it holds. */
  #drop(): void {
    this.#session?.close();
    this.#session = undefined;
    this.#held = [];
  }

  async #commit(batch: readonly PendingRecord[]): Promise<void> {
    const session = await this.#ready();
    await this.#release();
    const gated = new Set(batch.filter((record) => record.gateKeyId).map((record) => record.tenantId));
    const rows = await session.prepared<AppendedRow>('audit_append', APPEND, [
      this.#lane,
      true,
      batch.map((record) => record.tenantId),
      batch.map((record) => record.gateKeyId),
      batch.map((record) => record.body),
    ]);
    this.#held = [...gated];
    this.onAppended(this.#lane, batch, rows);
    const byOrd = new Map(rows.map((row) => [row.ord, row]));
    batch.forEach((record, index) => record.settle(byOrd.get(index + 1)));
  }

  async #release(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    if (held.length > 0) await this.#session?.prepared('audit_release', RELEASE, [held]);
  }

  async #ready(): Promise<DatabaseSession> {
    if (this.#session && !this.#session.lost) return this.#session;
    this.#drop();
    this.#session = await this.database.openSession();
    const [lane] = await this.#session.prepared<{ n: number }>('audit_lane', LANE_QUERY, []);
    // More processes than lanes: sharing one costs waiting, never correctness.
    this.#lane = lane?.n ?? 1 + (process.pid % LANES);
    return this.#session;
  }
}

function byTenantThenKey(a: PendingRecord, b: PendingRecord): number {
  if (a.tenantId !== b.tenantId) return a.tenantId < b.tenantId ? -1 : 1;
  const [left, right] = [a.gateKeyId ?? '', b.gateKeyId ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** What a caller gets when the process is shutting down or the store is gone. */
export const auditUnavailable = (cause: unknown): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError('unavailable', { detail: 'The audit log cannot be written.', cause, retryAfterS: 1 });
