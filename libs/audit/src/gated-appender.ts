import type { Database, DatabaseSession } from '#database';
import { AppError, type Answer } from '#kernel';
import { APPEND, CLAIM_LANE, LANES, RELEASE, type AppendedRow, type DeferredRow } from './audit-sql.js';
import { TenantHolds } from './tenant-holds.js';

/** A record waiting for its commit. */
export interface PendingRecord {
  readonly tenantId: string;
  /** Set: insert only while this key and its tenant are enabled. */
  readonly gateKeyId: string | null;
  readonly body: string;
  /** The answer that will tell of it. */
  readonly answer: Answer | undefined;
  /** When to give up, in `performance.now()`. */
  readonly deadline: number;
  readonly settle: (row: AppendedRow | undefined) => void;
  readonly fail: (error: unknown) => void;
}

const BATCH = 256;
const QUEUE = 20_000;
/** Between attempts for a tenant that is being revoked. */
const RETRY_MS = 2;

/**
 * Group commit: whatever waits while one batch is being committed goes into the next. One batch is under way
 * at a time, on a session that owns a lane, so that processes never wait for each other's commits. A tenant that
 * is held or being revoked keeps its own records waiting, and nobody else's.
 */
export class GatedAppender {
  readonly #holds = new TenantHolds(() => this.#wake());
  readonly #revoked = new Set<string>();
  #queue: PendingRecord[] = [];
  #session: DatabaseSession | undefined;
  #lane = 1;
  #running: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly onAppended: (
      lane: number,
      batch: readonly PendingRecord[],
      rows: readonly AppendedRow[],
    ) => void,
  ) {}

  /** Throws `unavailable` when too many records wait already. */
  push(record: PendingRecord): void {
    if (this.#queue.length >= QUEUE) throw auditUnavailable(new Error('the queue of audit records is full'));
    this.#queue.push(record);
    this.#wake();
  }

  /** Resolves when everything pushed so far is settled; ends the session. */
  async close(): Promise<void> {
    while (this.#running || this.#queue.length > 0) {
      await (this.#running ?? new Promise((resolve) => setTimeout(resolve, RETRY_MS)));
    }
    this.#drop();
  }

  #wake(): void {
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Records pushed in the same turn of the event loop share the first batch.
    await Promise.resolve();
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await this.#settle(batch);
    }
    await this.#release().catch(() => this.#drop());
    this.#running = undefined;
    // What became possible during the release woke nobody, for we were running.
    if (this.#nextIsReady()) this.#wake();
  }

  readonly #isReady = (record: PendingRecord): boolean =>
    record.gateKeyId === null || !(this.#holds.has(record.tenantId) || this.#revoked.has(record.tenantId));

  #nextIsReady(): boolean {
    return this.#queue.some(this.#isReady) || this.#holds.hasReleased;
  }

  #nextBatch(): PendingRecord[] {
    const batch: PendingRecord[] = [];
    const rest: PendingRecord[] = [];
    for (const record of this.#queue) {
      // Records of one answer are never split: the first would hold their tenant, and so the others, until it left.
      const fits =
        batch.length < BATCH || (record.answer !== undefined && record.answer === batch.at(-1)?.answer);
      (fits && this.#isReady(record) ? batch : rest).push(record);
    }
    this.#queue = rest;
    return batch.sort(byTenantThenKey);
  }

  async #settle(batch: readonly PendingRecord[]): Promise<void> {
    try {
      const session = await this.#ready();
      await this.#release();
      const rows = await session.prepared<AppendedRow | DeferredRow>('audit_append', APPEND, [
        this.#lane,
        true,
        batch.map((record) => record.tenantId),
        batch.map((record) => record.gateKeyId),
        batch.map((record) => record.body),
      ]);
      this.#distribute(batch, rows);
    } catch (error) {
      this.#drop();
      for (const record of batch) record.fail(auditUnavailable(error));
    }
    // Answers are written in this turn and have mostly left in the next.
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  #distribute(batch: readonly PendingRecord[], rows: readonly (AppendedRow | DeferredRow)[]): void {
    const byOrd = new Map(rows.map((row) => [row.ord, row]));
    const held = new Map<string, Set<Answer>>();
    const deferred: PendingRecord[] = [];
    for (const [index, record] of batch.entries()) {
      const row = byOrd.get(index + 1);
      if (row?.seq === null) deferred.push(record);
      else if (record.gateKeyId !== null) addTo(held, record);
    }
    for (const [tenantId, answers] of held) this.#holds.hold(tenantId, answers);
    this.onAppended(
      this.#lane,
      batch,
      rows.filter((row): row is AppendedRow => row.seq !== null),
    );
    for (const [index, record] of batch.entries()) {
      const row = byOrd.get(index + 1);
      if (row?.seq !== null) record.settle(row as AppendedRow | undefined);
    }
    this.#defer(deferred);
  }

  /** Puts records of tenants that are being revoked back in front, for another attempt. */
  #defer(records: readonly PendingRecord[]): void {
    if (records.length === 0) return;
    const now = performance.now();
    for (const record of records) {
      if (record.deadline <= now)
        record.fail(auditUnavailable(new Error('a revocation of the tenant takes too long')));
      this.#revoked.add(record.tenantId);
    }
    this.#queue = [...records.filter((record) => record.deadline > now), ...this.#queue];
    setTimeout(() => {
      for (const { tenantId } of records) this.#revoked.delete(tenantId);
      this.#wake();
    }, RETRY_MS);
  }

  async #release(): Promise<void> {
    const tenants = this.#holds.takeReleased();
    if (tenants.length > 0) await this.#session?.prepared('audit_release', RELEASE, [tenants]);
  }

  /** Gives up the session, and with it whatever it holds. */
  #drop(): void {
    this.#session?.close();
    this.#session = undefined;
    this.#holds.clear();
  }

  async #ready(): Promise<DatabaseSession> {
    if (this.#session && !this.#session.lost) return this.#session;
    this.#drop();
    this.#session = await this.database.openSession();
    const [lane] = await this.#session.prepared<{ n: number }>('audit_lane', CLAIM_LANE, []);
    // More processes than lanes: sharing one costs waiting, never correctness.
    this.#lane = lane?.n ?? 1 + (process.pid % LANES);
    return this.#session;
  }
}

function addTo(held: Map<string, Set<Answer>>, { tenantId, answer }: PendingRecord): void {
  const answers = held.get(tenantId) ?? new Set();
  if (answer) answers.add(answer);
  held.set(tenantId, answers);
}

function byTenantThenKey(a: PendingRecord, b: PendingRecord): number {
  if (a.tenantId !== b.tenantId) return a.tenantId < b.tenantId ? -1 : 1;
  const [left, right] = [a.gateKeyId ?? '', b.gateKeyId ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** What a caller gets when the process is shutting down or the store is gone. */
const auditUnavailable = (cause: unknown): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError('unavailable', { detail: 'The audit log cannot be written.', cause, retryAfterS: 1 });
