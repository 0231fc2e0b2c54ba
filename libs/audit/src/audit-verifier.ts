import { sha256 } from '#crypto';
import type { Database, Transaction } from '#database';
import type { ChainHead } from './audit-sql.js';
import { openCheckpoint, type CheckpointLine } from './checkpoint.js';
import type { AuditEvent } from './audit-event.js';

/** A place where the log is not what it was. */
export interface AuditFault {
  readonly tenant: string;
  readonly lane: number;
  readonly seq: number;
  readonly problem: string;
}

export interface AuditReport {
  readonly records: number;
  readonly chains: number;
  readonly checkpoints: number;
  readonly faults: readonly AuditFault[];
}

interface EventRow {
  tenant_id: string;
  lane: number;
  seq: string;
  event_id: string;
  ts: Date;
  action: string;
  outcome: string;
  actor: string;
  request_id: string;
  key_id: string | null;
  body: string;
  hash: Buffer;
}

const PAGE = 5_000;
const FAULTS = 1_000;
const EMPTY = Buffer.alloc(0);
/** Faults of no chain in particular. */
const NO_CHAIN = chainOf('_platform', 0);

/**
 * Recomputes every chain and holds it against signed checkpoints: those in the database, and those kept elsewhere,
 * which whoever can write the database cannot have changed. Reads with the system role, in pages.
 */
export class AuditVerifier {
  #faults: AuditFault[] = [];
  #records = 0;
  #chains = 0;
  readonly #expected = new Map<string, Map<number, string>>();

  constructor(private readonly database: Database) {}

  /** `kept`: lines of checkpoint files held elsewhere. */
  async verify(kept: readonly CheckpointLine[] = []): Promise<AuditReport> {
    this.#faults = [];
    this.#records = 0;
    this.#chains = 0;
    this.#expected.clear();
    const checkpoints = await this.#collectCheckpoints(kept);
    await this.#walk();
    await this.#checkHeads();
    for (const [chain, heads] of this.#expected) {
      for (const seq of heads.keys())
        this.#fault(chain, seq, 'a checkpoint names this record, but it is gone');
    }
    return { records: this.#records, chains: this.#chains, checkpoints, faults: this.#faults };
  }

  async #collectCheckpoints(kept: readonly CheckpointLine[]): Promise<number> {
    const { key, stored } = await this.database.system('audit verify checkpoints', async (tx) => {
      const keys = await tx.query<{ public_key: Buffer }>(
        `SELECT public_key FROM platform_key WHERE name = 'audit-checkpoint'`,
      );
      const rows = await tx.query<{ id: string; body: string; signature: Buffer }>(
        'SELECT id, body, signature FROM audit_checkpoint',
      );
      return { key: keys[0]?.public_key, stored: rows };
    });
    for (const row of stored)
      this.#expect(key, row.body, row.signature, `checkpoint ${row.id} of the database`);
    for (const [index, line] of kept.entries()) {
      const spki = Buffer.from(line.public_key, 'base64');
      // A line signed by another key than the database's tells that one of the two was replaced.
      if (!key?.equals(spki))
        this.#fault(
          NO_CHAIN,
          0,
          `kept checkpoint ${index + 1} is signed by another key than the database has`,
        );
      this.#expect(spki, line.body, Buffer.from(line.signature, 'base64'), `kept checkpoint ${index + 1}`);
    }
    return stored.length + kept.length;
  }

  #expect(spki: Buffer | undefined, body: string, signature: Buffer, what: string): void {
    const checkpoint = spki && openCheckpoint(spki, body, signature);
    if (!checkpoint) return this.#fault(NO_CHAIN, 0, `the signature of ${what} does not hold`);
    for (const head of checkpoint.heads) this.#expectHead(head, what);
  }

  #expectHead(head: ChainHead, what: string): void {
    const chain = chainOf(head.tenant, head.lane);
    const heads = this.#expected.get(chain) ?? new Map<number, string>();
    const other = heads.get(head.seq);
    if (other !== undefined && other !== head.hash)
      this.#fault(chain, head.seq, `${what} contradicts another checkpoint`);
    heads.set(head.seq, head.hash);
    this.#expected.set(chain, heads);
  }

  async #walk(): Promise<void> {
    let after: [string, number, string] = ['', 0, '0'];
    let previous: { chain: string; seq: number; hash: Buffer } | undefined;
    for (;;) {
      const rows = await this.database.system('audit verify', (tx) => readPage(tx, after));
      for (const row of rows) {
        const chain = chainOf(row.tenant_id, row.lane);
        const same = previous?.chain === chain ? previous : undefined;
        if (!same) this.#chains += 1;
        this.#check(row, chain, same?.seq ?? 0, same?.hash ?? EMPTY);
        previous = { chain, seq: Number(row.seq), hash: row.hash };
        after = [row.tenant_id, row.lane, row.seq];
      }
      this.#records += rows.length;
      if (rows.length < PAGE) return;
    }
  }

  #check(row: EventRow, chain: string, lastSeq: number, lastHash: Buffer): void {
    const seq = Number(row.seq);
    if (seq !== lastSeq + 1) this.#fault(chain, lastSeq + 1, 'records are missing or out of order here');
    const hash = sha256(
      Buffer.concat([lastHash, Buffer.from(`${row.tenant_id}\n${row.lane}\n${row.seq}\n${row.body}`)]),
    );
    if (!hash.equals(row.hash)) this.#fault(chain, seq, 'the record does not match its hash');
    if (!columnsMatch(row)) this.#fault(chain, seq, 'a column differs from the hashed record');
    const heads = this.#expected.get(chain);
    const expected = heads?.get(seq);
    if (expected !== undefined && expected !== row.hash.toString('hex'))
      this.#fault(chain, seq, 'the record differs from its checkpoint');
    heads?.delete(seq);
  }

  /** A chain cut at its end still has its head, unless that was moved back too: then only a checkpoint tells. */
  async #checkHeads(): Promise<void> {
    const wrong = await this.database.system('audit verify heads', (tx) =>
      tx.query<{ tenant_id: string; lane: number; seq: string }>(`
        SELECT tenant_id, lane, COALESCE(h.seq, e.seq, 0) AS seq
          FROM audit_head h
          FULL JOIN (SELECT DISTINCT ON (tenant_id, lane) tenant_id, lane, seq, hash FROM audit_event
                      ORDER BY tenant_id, lane, seq DESC) e USING (tenant_id, lane)
         WHERE (h.seq, h.hash) IS DISTINCT FROM (e.seq, e.hash) AND NOT (h.seq = 0 AND e.seq IS NULL)
         LIMIT ${FAULTS}`),
    );
    for (const { tenant_id, lane, seq } of wrong) {
      this.#fault(chainOf(tenant_id, lane), Number(seq), 'the chain does not end where its head says');
    }
  }

  #fault(chain: string, seq: number, problem: string): void {
    const split = chain.indexOf('\n');
    const [lane, tenant] = [Number(chain.slice(0, split)), chain.slice(split + 1)];
    if (this.#faults.length < FAULTS) this.#faults.push({ tenant, lane, seq, problem });
  }
}

/** The lane first: whoever edits the table may put anything into a tenant's name. */
function chainOf(tenant: string, lane: number): string {
  return `${lane}\n${tenant}`;
}

/** Whether the columns that are filtered by say what the hashed text says. */
function columnsMatch(row: EventRow): boolean {
  try {
    const event = JSON.parse(row.body) as AuditEvent;
    const columns = [
      row.event_id,
      row.ts.toISOString(),
      row.action,
      row.outcome,
      row.actor,
      row.request_id,
      row.key_id,
    ];
    const members = [
      event.event_id,
      event.ts,
      event.action,
      event.outcome,
      event.actor,
      event.request_id,
      event.key_id,
    ];
    return members.every((member, i) => member === columns[i]);
  } catch {
    return false;
  }
}

const readPage = (tx: Transaction, after: [string, number, string]): Promise<EventRow[]> =>
  tx.query<EventRow>(
    `SELECT tenant_id, lane, seq, event_id, ts, action, outcome, actor, request_id, key_id, body, hash
       FROM audit_event WHERE (tenant_id, lane, seq) > ($1, $2::smallint, $3::bigint)
      ORDER BY tenant_id, lane, seq LIMIT ${PAGE}`,
    after,
  );
