import type { Answer } from '#kernel';
import type { AppendedTenant } from './audit-sql.js';

/** A record waiting for its commit. */
export interface PendingRecord {
  readonly tenantId: string;
  /** Set: append only while this key, which the record names, and its tenant are enabled. */
  readonly gateKeyId: string | undefined;
  readonly body: string;
  /** The answer that will tell of it. */
  readonly answer: Answer | undefined;
  /** When to give up, in `performance.now()`. */
  readonly deadline: number;
  /** Told whether it was appended. */
  readonly settle: (appended: boolean) => void;
  readonly fail: (error: unknown) => void;
}

/** The records of one tenant in a batch. */
interface TenantRecords {
  readonly tenantId: string;
  readonly free: PendingRecord[];
  readonly gated: PendingRecord[];
}

/** What became of the records of one tenant. */
export interface TenantOutcome {
  readonly tenantId: string;
  readonly head: AppendedTenant;
  readonly appended: readonly PendingRecord[];
  readonly refused: readonly PendingRecord[];
  /** To be tried again. */
  readonly deferred: readonly PendingRecord[];
}

/** Records that are committed together, as audit_append() takes them: grouped by tenant. */
export class AppendBatch {
  readonly #tenants: readonly TenantRecords[];

  constructor(readonly records: readonly PendingRecord[]) {
    const tenants = new Map<string, TenantRecords>();
    for (const record of records) {
      const { tenantId } = record;
      let group = tenants.get(tenantId);
      if (!group) tenants.set(tenantId, (group = { tenantId, free: [], gated: [] }));
      (record.gateKeyId === undefined ? group.free : group.gated).push(record);
    }
    this.#tenants = [...tenants.values()].sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
    // Records of one key beside each other: the gate looks at it once.
    for (const { gated } of this.#tenants) gated.sort(byKey);
  }

  /** The parameters of audit_append() after lane, hold and release. */
  get parameters(): [tenants: string[], free: number[], gated: number[], bodies: string] {
    const bodies = this.#tenants.flatMap(({ free, gated }) => [...free, ...gated].map(({ body }) => body));
    return [
      this.#tenants.map(({ tenantId }) => tenantId),
      this.#tenants.map(({ free }) => free.length),
      this.#tenants.map(({ gated }) => gated.length),
      `[${bodies.join(',')}]`,
    ];
  }

  /** Reads what audit_append() answered, a row a tenant. */
  outcomes(rows: readonly AppendedTenant[]): TenantOutcome[] {
    let place = 0;
    return this.#tenants.map(({ tenantId, free, gated }, index) => {
      const head = rows[index];
      if (!head) throw new TypeError('audit_append() left out a tenant');
      const first = place + 1;
      place += free.length + gated.length;
      if (head.deferred) return { tenantId, head, appended: free, refused: [], deferred: gated };
      const refused = new Set(head.refused);
      const all = [...free, ...gated];
      const isRefused = (_: PendingRecord, at: number): boolean => refused.has(first + at);
      return {
        tenantId,
        head,
        appended: refused.size === 0 ? all : all.filter((record, at) => !isRefused(record, at)),
        refused: refused.size === 0 ? [] : all.filter(isRefused),
        deferred: [],
      };
    });
  }
}

function byKey({ gateKeyId: a = '' }: PendingRecord, { gateKeyId: b = '' }: PendingRecord): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
