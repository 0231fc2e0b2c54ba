export type { AuditAction, AuditEvent, AuditInput } from './audit-event.js';
export { AuditLog } from './audit-log.js';
export type { AuditFault, AuditReport } from './audit-report.js';
export { AuditVerifier } from './audit-verifier.js';
export { CheckpointKey } from './checkpoint-key.js';
export type { CheckpointLine } from './checkpoint.js';
export { Checkpointer } from './checkpointer.js';
