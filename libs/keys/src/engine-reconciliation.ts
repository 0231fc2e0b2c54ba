export interface ReconciliationFinding {
  tenant_id: string;
  key_id: string;
  object_id: string;
}

/** What came of comparing a device with the rows of all tenants. */
export interface EngineReconciliation {
  engine_id: string;
  finished_ts: string;
  counts: { known: number; orphan: number; foreign: number; missing: number };
  /** The first hundred. */
  orphans: ReconciliationFinding[];
  missing: ReconciliationFinding[];
  /** Orphans that were destroyed, because that was asked for. */
  destroyed_orphans: number;
}
