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

interface CheckpointRow {
  id: string;
  body: string;
  signature: Buffer;
}

const PAGE = 5_000;
const CHECKPOINT_PAGE = 500;
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

  constructor(private readonly database: Database) {}

  /** `kept`: lines of checkpoint files held elsewhere. */
  async verify(kept: readonly CheckpointLine[] = []): Promise<AuditReport> {
    this.#faults = [];
    this.#records = 0;
    this.#chains = 0;
    await this.#walk();
    await this.#checkHeads();
    const stored = await this.#checkStored();
    await this.#checkKept(kept);
    const checkpoints = stored + kept.length;
    return { records: this.#records, chains: this.#chains, checkpoints, faults: this.#faults };
  }

  /** The checkpoints of the database, in pages. Gives how many there are. */
  async #checkStored(): Promise<number> {
    const key = await this.#publicKey();
    let after = '';
    for (let count = 0; ;) {
      const rows = await this.database.system('audit verify checkpoints', (tx) =>
        tx.query<CheckpointRow>(
          'SELECT id, body, signature FROM audit_checkpoint WHERE id > $1 ORDER BY id LIMIT $2',
          [after, CHECKPOINT_PAGE],
        ),
      );
      const heads = rows.flatMap((row) =>
        this.#open(key, row.body, row.signature, `checkpoint ${row.id} of the database`),
      );
      await this.#checkAgainst(heads);
      count += rows.length;
      after = rows.at(-1)?.id ?? '';
      if (rows.length < CHECKPOINT_PAGE) return count;
    }
  }

  async #checkKept(kept: readonly CheckpointLine[]): Promise<void> {
    const key = await this.#publicKey();
    for (let from = 0; from < kept.length; from += CHECKPOINT_PAGE) {
      const heads = kept.slice(from, from + CHECKPOINT_PAGE).flatMap((line, index) => {
        const what = `kept checkpoint ${from + index + 1}`;
        const spki = Buffer.from(line.public_key, 'base64');
        // A line signed by another key than the database's tells that one of the two was replaced.
        if (!key?.equals(spki))
          this.#fault(NO_CHAIN, 0, `${what} is signed by another key than the database has`);
        return this.#open(spki, line.body, Buffer.from(line.signature, 'base64'), what);
      });
      await this.#checkAgainst(heads);
    }
  }

  async #publicKey(): Promise<Buffer | undefined> {
    const [row] = await this.database.system('audit verify key', (tx) =>
      tx.query<{ public_key: Buffer }>(`SELECT public_key FROM platform_key WHERE name = 'audit-checkpoint'`),
    );
    return row?.public_key;
  }

  #open(spki: Buffer | undefined, body: string, signature: Buffer, what: string): readonly ChainHead[] {
    const checkpoint = spki && openCheckpoint(spki, body, signature);
    if (!checkpoint) this.#fault(NO_CHAIN, 0, `the signature of ${what} does not hold`);
    return checkpoint?.heads ?? [];
  }

  /** Holds the records that checkpoints name against the hashes they name. */
  async #checkAgainst(heads: readonly ChainHead[]): Promise<void> {
    if (heads.length === 0) return;
    const wrong = await this.database.system('audit verify heads', (tx) =>
      tx.query<{ tenant: string; lane: number; seq: string; found: boolean }>(
        `SELECT DISTINCT c.tenant, c.lane, c.seq, e.hash IS NOT NULL AS found
           FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::text[]) AS c (tenant, lane, seq, hash)
           LEFT JOIN audit_event e ON e.tenant_id = c.tenant COLLATE "C" AND e.lane = c.lane AND e.seq = c.seq
          WHERE e.hash IS DISTINCT FROM decode(c.hash, 'hex')`,
        [
          heads.map((h) => h.tenant),
          heads.map((h) => h.lane),
          heads.map((h) => h.seq),
          heads.map((h) => h.hash),
        ],
      ),
    );
    for (const { tenant, lane, seq, found } of wrong) {
      const problem = found
        ? 'the record differs from its checkpoint'
        : 'a checkpoint names this record, but it is gone';
      this.#fault(chainOf(tenant, lane), Number(seq), problem);
    }
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
