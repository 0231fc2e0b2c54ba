import type { Database } from '#database';
import { systemClock, type Clock } from '#kernel';

const CAPACITY = 100_000;

/** Collects when keys were last used and writes it now and then. Advisory: what a crash loses is lost. */
export class LastUseRecorder {
  #pending = new Map<string, Map<string, number>>();
  #size = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock = systemClock,
  ) {}

  note(tenantId: string, keyId: string): void {
    let keys = this.#pending.get(tenantId);
    if (!keys) this.#pending.set(tenantId, (keys = new Map<string, number>()));
    if (!keys.has(keyId)) {
      if (this.#size >= CAPACITY) return;
      this.#size += 1;
    }
    keys.set(keyId, this.clock.now());
  }

  /** Writes what was noted since the last call, a transaction a tenant. What cannot be written is lost. */
  async flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = new Map();
    this.#size = 0;
    const outcomes = await Promise.allSettled(
      [...pending].map(([tenantId, keys]) => this.#write(tenantId, keys)),
    );
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
  }

  async #write(tenantId: string, keys: ReadonlyMap<string, number>): Promise<void> {
    const entries = [...keys].sort(([a], [b]) => (a < b ? -1 : 1));
    await this.database.transaction({ tenantId }, (tx) =>
      tx.query(
        `INSERT INTO key_use (tenant_id, key_id, last_used_ts)
         SELECT $1, u.key_id, u.ts FROM unnest($2::text[], $3::timestamptz[]) AS u (key_id, ts)
           JOIN kms_key k ON k.tenant_id = $1 AND k.key_id = u.key_id AND k.state <> 'destroyed'
         ON CONFLICT (tenant_id, key_id) DO UPDATE
           SET last_used_ts = GREATEST(key_use.last_used_ts, EXCLUDED.last_used_ts)`,
        [tenantId, entries.map(([id]) => id), entries.map(([, ts]) => new Date(ts).toISOString())],
      ),
    );
  }
}
