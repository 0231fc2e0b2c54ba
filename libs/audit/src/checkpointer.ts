import { appendFile } from 'node:fs/promises';
import type { Database } from '#database';
import { newRequestId, systemClock, type Clock } from '#kernel';
import type { AuditLog } from './audit-log.js';
import type { ChainHead } from './audit-sql.js';
import type { CheckpointKey } from './checkpoint-key.js';
import type { CheckpointBody, CheckpointLine } from './checkpoint.js';

const INTERVAL_MS = 1_000;
const SWEEP_MS = 60_000;
const SWEEP_HEADS = 10_000;

export interface CheckpointerOptions {
  /** Also append each checkpoint to this file, a JSON line each. */
  readonly file?: string;
  readonly log: (line: CheckpointLine) => void;
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
}

const INSERT = `INSERT INTO audit_checkpoint (id, body, signature) VALUES ($1, $2, $3)`;

const MARK = `
  INSERT INTO audit_signed AS s (tenant_id, lane, seq)
  SELECT h.tenant, h.lane, h.seq FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS h (tenant, lane, seq)
   ORDER BY 1, 2
  ON CONFLICT (tenant_id, lane) DO UPDATE SET seq = GREATEST(s.seq, EXCLUDED.seq)`;

/** Heads that no checkpoint names: what a process moved that was killed before it could sign. */
const UNSIGNED = `
  SELECT h.tenant_id AS tenant, h.lane, h.seq, encode(h.hash, 'hex') AS hash
    FROM audit_head h LEFT JOIN audit_signed s USING (tenant_id, lane)
   WHERE h.seq > COALESCE(s.seq, 0) LIMIT ${SWEEP_HEADS}`;

/**
 * Signs, once a second of activity, where the chains stand that this process moved; and at its start and once a
 * minute, what others moved and did not live to sign.
 */
export class Checkpointer {
  #timers: NodeJS.Timeout[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly audit: AuditLog,
    private readonly key: CheckpointKey,
    private readonly options: CheckpointerOptions,
  ) {}

  start(): void {
    void this.sweep();
    this.#timers = [
      setInterval(() => void this.checkpoint(), INTERVAL_MS).unref(),
      setInterval(() => void this.sweep(), SWEEP_MS).unref(),
    ];
  }

  /** Takes a last checkpoint and ends. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.checkpoint();
  }

  /** Writes a checkpoint if anything moved. What cannot be written is kept for the next one. */
  checkpoint(): Promise<void> {
    this.#running = this.#running.then(() => this.#attempt(this.audit.takeMovedHeads()));
    return this.#running;
  }

  /** Signs whatever no checkpoint names yet, whoever moved it. */
  sweep(): Promise<void> {
    this.#running = this.#running.then(async () => this.#attempt(await this.#unsigned()));
    return this.#running;
  }

  async #unsigned(): Promise<ChainHead[]> {
    try {
      const rows = await this.database.system('audit sweep', (tx) =>
        tx.query<Omit<ChainHead, 'seq'> & { seq: string }>(UNSIGNED),
      );
      return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
    } catch (error) {
      this.options.onError(error);
      return [];
    }
  }

  async #attempt(heads: readonly ChainHead[]): Promise<void> {
    if (heads.length === 0) return;
    try {
      await this.#write(heads);
    } catch (error) {
      this.audit.returnMovedHeads(heads);
      this.options.onError(error);
    }
  }

  async #write(heads: readonly ChainHead[]): Promise<void> {
    const ts = new Date((this.options.clock ?? systemClock).now()).toISOString();
    const id = newRequestId();
    const body = JSON.stringify({ id, ts, heads } satisfies CheckpointBody);
    const signature = this.key.sign(Buffer.from(body));
    await this.database.system('audit checkpoint', async (tx) => {
      await tx.query(INSERT, [id, body, signature]);
      await tx.query(MARK, [heads.map((h) => h.tenant), heads.map((h) => h.lane), heads.map((h) => h.seq)]);
    });
    const line: CheckpointLine = {
      body,
      signature: signature.toString('base64'),
      public_key: this.key.spki.toString('base64'),
    };
    if (this.options.file) {
      await appendFile(this.options.file, `${JSON.stringify(line)}\n`, { mode: 0o640 });
    }
    this.options.log(line);
  }
}
