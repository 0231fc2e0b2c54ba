import { sha256 } from '#crypto';
import type { Database, Transaction } from '#database';
import type { AuditFault, AuditReport } from './audit-report.js';
import { CheckpointCheck } from './checkpoint-check.js';
import type { CheckpointLine } from './checkpoint.js';
import type { AuditEvent } from './audit-event.js';

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
    const check = new CheckpointCheck(this.database, (fault) => this.#report(fault));
    const checkpoints = (await check.stored()) + (await check.kept(kept));
    return { records: this.#records, chains: this.#chains, checkpoints, faults: this.#faults };
  }

  async #walk(): Promise<void> {
    let after: [string, number, string] = ['', 0, '0'];
    let previous: EventRow | undefined;
    for (;;) {
      const rows = await this.database.system('audit verify', (tx) => readPage(tx, after));
      for (const row of rows) {
        const same = previous?.tenant_id === row.tenant_id && previous.lane === row.lane;
        if (!same) this.#chains += 1;
        this.#check(row, same ? previous : undefined);
        previous = row;
        after = [row.tenant_id, row.lane, row.seq];
      }
      this.#records += rows.length;
      if (rows.length < PAGE) return;
    }
  }

  #check(row: EventRow, previous: EventRow | undefined): void {
    const [seq, expected] = [Number(row.seq), Number(previous?.seq ?? 0) + 1];
    if (seq !== expected) this.#fault(row, expected, 'records are missing or out of order here');
    const text = `${row.tenant_id}\n${row.lane}\n${row.seq}\n${row.body}`;
    const hash = sha256(Buffer.concat([previous?.hash ?? EMPTY, Buffer.from(text)]));
    if (!hash.equals(row.hash)) this.#fault(row, seq, 'the record does not match its hash');
    if (!columnsMatch(row)) this.#fault(row, seq, 'a column differs from the hashed record');
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
    for (const head of wrong) {
      this.#fault(head, Number(head.seq), 'the chain does not end where its head says');
    }
  }

  #fault({ tenant_id, lane }: Pick<EventRow, 'tenant_id' | 'lane'>, seq: number, problem: string): void {
    this.#report({ tenant: tenant_id, lane, seq, problem });
  }

  #report(fault: AuditFault): void {
    if (this.#faults.length < FAULTS) this.#faults.push(fault);
  }
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
