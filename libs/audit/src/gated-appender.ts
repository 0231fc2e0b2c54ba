import type { Database, DatabaseSession } from '#database';
import { AppError, type Answer } from '#kernel';
import { AppendBatch, type PendingRecord, type TenantOutcome } from './append-batch.js';
import { APPEND, CLAIM_LANE, LANES, RELEASE, type AppendedTenant } from './audit-sql.js';
import { nextTurn, TenantHolds } from './tenant-holds.js';

const BATCH = 256;
const QUEUE = 20_000;
/** How long a tenant whose answers are out may stay held for want of a batch: a revocation waits so much longer. */
const RELEASE_MS = 40;
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
  #releasing: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly onAppended: (lane: number, tenantId: string, head: AppendedTenant) => void,
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
    // Whatever the requests that were read in this turn of the event loop push shares the first batch.
    await nextTurn();
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await this.#settle(batch);
    }
    this.#goOn();
  }

  /** At the end of what ran: what became possible meanwhile woke nobody. */
  #goOn(): void {
    this.#running = undefined;
    if (this.#queue.some(this.#isReady)) this.#wake();
    else if (this.#holds.hasReleased) this.#releaseSoon();
  }

  /** The next batch takes what is to be released along, and saves a round trip; none coming, it is sent alone. */
  #releaseSoon(): void {
    if (this.#releasing) return;
    this.#releasing = setTimeout(() => {
      this.#releasing = undefined;
      this.#running ??= this.#release()
        .catch(() => this.#drop())
        .then(() => this.#goOn());
    }, RELEASE_MS);
  }

  readonly #isReady = (record: PendingRecord): boolean =>
    record.gateKeyId === undefined ||
    !(this.#holds.has(record.tenantId) || this.#revoked.has(record.tenantId));

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
    return batch;
  }

  async #settle(records: readonly PendingRecord[]): Promise<void> {
    try {
      const session = await this.#ready();
      const batch = new AppendBatch(records);
      const rows = await session.prepared<AppendedTenant>('audit_append', APPEND, [
        this.#lane,
        true,
        this.#holds.takeReleased(),
        ...batch.parameters,
      ]);
      this.#distribute(batch.outcomes(rows));
    } catch (error) {
      this.#drop();
      for (const record of records) record.fail(auditUnavailable(error));
    }
    // Answers are written in this turn and have mostly left in the next.
    await nextTurn();
  }

  #distribute(outcomes: readonly TenantOutcome[]): void {
    for (const { tenantId, head, appended, refused, deferred } of outcomes) {
      const gated = [...appended, ...refused].filter(({ gateKeyId }) => gateKeyId !== undefined);
      if (gated.length > 0) this.#holds.hold(tenantId, answersOf(gated));
      this.onAppended(this.#lane, tenantId, head);
      for (const record of appended) record.settle(true);
      for (const record of refused) record.settle(false);
      this.#defer(deferred);
    }
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

function answersOf(records: readonly PendingRecord[]): ReadonlySet<Answer> {
  const answers = new Set<Answer>();
  for (const { answer } of records) if (answer) answers.add(answer);
  return answers;
}

/** What a caller gets when the process is shutting down or the store is gone. */
const auditUnavailable = (cause: unknown): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError('unavailable', { detail: 'The audit log cannot be written.', cause, retryAfterS: 1 });
