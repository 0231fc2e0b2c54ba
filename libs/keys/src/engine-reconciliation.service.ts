import type { AuditLog } from '#audit';
import type { Database, Transaction } from '#database';
import { keepsKeys, type EngineRegistry, type KeepingEngine } from '#engines';
import type { JobKind, JobStore, JobView } from '#jobs';
import { AppError, PLATFORM_CHAIN, type RequestContext } from '#kernel';
import { DeviceComparison, type Comparison, type Finding } from './device-comparison.js';
import type { EngineReconciliation, ReconciliationFinding } from './engine-reconciliation.js';
import { claimDueEngine, storeReport } from './engine-reconciliation.repository.js';
import type { KeyMaking } from './key-making.js';

const KIND = 'kms.engine.reconcile';
/** Of each kind. */
const MOST_SHOWN = 100;
/** Bytes of a report: a job's result may have 64 KiB. */
const MOST_BYTES = 60_000;

interface ReconcileWork {
  readonly engineId: string;
  readonly destroyOrphans: boolean;
}

export interface ReconciliationOptions {
  /** How often each engine is compared without being asked; 0: never. */
  readonly everyHours: number;
  /** Is told of each report. */
  readonly onReport: (report: EngineReconciliation) => void;
  readonly onError: (error: unknown, engineId: string) => void;
}

/** Compares devices with the rows of all tenants: when an operator asks, by a job, and once in a while by itself. */
export class EngineReconciliationService {
  constructor(
    private readonly database: Database,
    private readonly engines: EngineRegistry,
    private readonly store: JobStore,
    private readonly making: KeyMaking,
    private readonly audit: AuditLog,
    private readonly options: ReconciliationOptions,
  ) {}

  /** Throws `not_found`, `unsupported_by_engine` for one that keeps its keys in the database, and `rate_limited`. */
  async request(
    ctx: RequestContext,
    engineId: string,
    { jobId, destroyOrphans }: { readonly jobId: string; readonly destroyOrphans: boolean },
  ): Promise<JobView> {
    this.#engine(engineId);
    const input: ReconcileWork = { engineId, destroyOrphans };
    return this.database.transaction(ctx, async (tx) => {
      const job = await this.store.enqueue(tx, ctx, { kind: KIND, input, jobId });
      await this.audit.appendIn(tx, ctx, PLATFORM_CHAIN, {
        action: KIND,
        outcome: 'success',
        detail: { engine_id: engineId, destroy_orphans: destroyOrphans },
      });
      return job;
    });
  }

  /** What the processes that run jobs are told to run. */
  get kinds(): readonly JobKind[] {
    return [
      {
        kind: KIND,
        run: async ({ ctx, input, signal }) => {
          const { engineId, destroyOrphans } = input as ReconcileWork;
          const engine = this.#engine(engineId);
          const found = await new DeviceComparison(this.database, engine, signal).run();
          const destroyed = destroyOrphans ? await this.#destroy(ctx, engine, found, signal) : 0;
          return this.#report(engineId, found, destroyed);
        },
      },
    ];
  }

  /** Compares those engines whose time has come, each in one process only. What fails is tried again an hour later. */
  async runDue(signal: AbortSignal): Promise<void> {
    const { everyHours, onError } = this.options;
    if (everyHours === 0) return;
    for (const engine of this.engines.list().filter(keepsKeys)) {
      const { id } = engine.describe();
      try {
        signal.throwIfAborted();
        if (!(await this.database.system('engine due', (tx) => claimDueEngine(tx, id, everyHours)))) continue;
        await this.#report(id, await new DeviceComparison(this.database, engine, signal).run(), 0);
      } catch (error) {
        if (signal.aborted) return;
        onError(error, id);
      }
    }
  }

  #engine(id: string): KeepingEngine {
    const engine = this.engines.find(id);
    if (!engine) throw new AppError('not_found', { detail: 'There is no such engine.' });
    if (keepsKeys(engine)) return engine;
    throw new AppError('unsupported_by_engine', { detail: 'The keys of this engine live in the database.' });
  }

  /** Each is looked for once more, and recorded before it is destroyed. */
  async #destroy(
    ctx: RequestContext,
    engine: KeepingEngine,
    { orphans }: Comparison,
    signal: AbortSignal,
  ): Promise<number> {
    let destroyed = 0;
    const { id } = engine.describe();
    for (const { tenantId, keyId, objectId } of orphans.values()) {
      signal.throwIfAborted();
      const record = (tx: Transaction): Promise<void> =>
        this.audit.appendIn(tx, ctx, PLATFORM_CHAIN, {
          action: 'kms.engine.destroy-orphan',
          outcome: 'success',
          detail: { engine_id: id, tenant_id: tenantId, key_id: keyId, object_id: objectId },
        });
      if (await this.making.discardOrphan(engine, { tenantId, keyId }, record)) destroyed += 1;
    }
    return destroyed;
  }

  async #report(engineId: string, found: Comparison, destroyed: number): Promise<EngineReconciliation> {
    const { known, foreign, orphans, missing } = found;
    const report = fitted({
      engine_id: engineId,
      finished_ts: new Date().toISOString(),
      counts: { known, orphan: orphans.size, foreign, missing: missing.size },
      orphans: shown(orphans),
      missing: shown(missing),
      destroyed_orphans: destroyed,
    });
    await this.database.system('engine report', (tx) => storeReport(tx, report, this.options.everyHours));
    this.options.onReport(report);
    return report;
  }
}

const shown = (findings: ReadonlyMap<string, Finding>): ReconciliationFinding[] =>
  [...findings.values()]
    .slice(0, MOST_SHOWN)
    .map(({ tenantId, keyId, objectId }) => ({ tenant_id: tenantId, key_id: keyId, object_id: objectId }));

/** Names that others gave in a device can be long: then fewer are shown. */
function fitted(report: EngineReconciliation): EngineReconciliation {
  while (Buffer.byteLength(JSON.stringify(report)) > MOST_BYTES) {
    const longer = report.orphans.length > report.missing.length ? report.orphans : report.missing;
    longer.pop();
  }
  return report;
}
