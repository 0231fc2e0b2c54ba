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
