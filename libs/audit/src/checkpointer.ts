import { appendFile } from 'node:fs/promises';
import type { Database } from '#database';
import { PLATFORM_CHAIN, newRequestId, systemClock, type Clock } from '#kernel';
import type { AuditLog } from './audit-log.js';
import type { CheckpointKey } from './checkpoint-key.js';
import type { CheckpointBody, CheckpointLine } from './checkpoint.js';

const INTERVAL_MS = 1_000;

export interface CheckpointerOptions {
  /** Also append each checkpoint to this file, a JSON line each. */
  readonly file?: string;
  readonly log: (line: CheckpointLine) => void;
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
}

/** Signs, once a second of activity, where the chains stand that this process moved. */
export class Checkpointer {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly audit: AuditLog,
    private readonly key: CheckpointKey,
    private readonly options: CheckpointerOptions,
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.checkpoint(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** Takes a last checkpoint and ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.checkpoint();
  }

  /** Writes a checkpoint if anything moved. What cannot be written is kept for the next one. */
  checkpoint(): Promise<void> {
    this.#running = this.#running.then(() => this.#write());
    return this.#running;
  }

  async #write(): Promise<void> {
    const heads = this.audit.takeMovedHeads();
    if (heads.length === 0) return;
    try {
      const ts = new Date((this.options.clock ?? systemClock).now()).toISOString();
      const id = newRequestId();
      const body = JSON.stringify({ id, ts, heads } satisfies CheckpointBody);
      const signature = this.key.sign(Buffer.from(body));
      await this.database.transaction({ tenantId: PLATFORM_CHAIN }, (tx) =>
        tx.query('INSERT INTO audit_checkpoint (id, body, signature) VALUES ($1, $2, $3)', [
          id,
          body,
          signature,
        ]),
      );
      const line: CheckpointLine = {
        body,
        signature: signature.toString('base64'),
        public_key: this.key.spki.toString('base64'),
      };
      if (this.options.file)
        await appendFile(this.options.file, `${JSON.stringify(line)}\n`, { mode: 0o640 });
      this.options.log(line);
    } catch (error) {
      this.audit.returnMovedHeads(heads);
      this.options.onError(error);
    }
  }
}
