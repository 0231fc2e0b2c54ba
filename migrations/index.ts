import { TenantsAndRoots1763700000000 } from './1763700000000-tenants-and-roots.js';
import { Keys1763700001000 } from './1763700001000-keys.js';
import { Audit1763700002000 } from './1763700002000-audit.js';
import { KeyMatches1763700003000 } from './1763700003000-key-matches.js';
import { KeyCounts1763700004000 } from './1763700004000-key-counts.js';
import { AuditAppendByTenant1763700010000 } from './1763700010000-audit-append-by-tenant.js';
import { Jobs1763700020000 } from './1763700020000-jobs.js';
import { IdempotencyKeys1763700025000 } from './1763700025000-idempotency-keys.js';
import { Engines1763700030000 } from './1763700030000-engines.js';
import { ImportTokens1763700035000 } from './1763700035000-import-tokens.js';
import { UnwrappingInEngines1763700040000 } from './1763700040000-unwrapping-in-engines.js';
import { JobInputs1763700045000 } from './1763700045000-job-inputs.js';
import { JobRemoval1763700046000 } from './1763700046000-job-removal.js';
import { EngineReconciliation1763700047000 } from './1763700047000-engine-reconciliation.js';
import { AdoptedObjects1763700050000 } from './1763700050000-adopted-objects.js';
import { PinAttempts1763700051000 } from './1763700051000-pin-attempts.js';
import { QuickMarks1763700052000 } from './1763700052000-quick-marks.js';
import { QuickMarksInPlace1763700053000 } from './1763700053000-quick-marks-in-place.js';

/** Every migration, oldest first. A new one is added at the end; a merged one is never edited. */
export const MIGRATIONS = [
  TenantsAndRoots1763700000000,
  Keys1763700001000,
  Audit1763700002000,
  KeyMatches1763700003000,
  KeyCounts1763700004000,
  AuditAppendByTenant1763700010000,
  Jobs1763700020000,
  IdempotencyKeys1763700025000,
  Engines1763700030000,
  ImportTokens1763700035000,
  UnwrappingInEngines1763700040000,
  JobInputs1763700045000,
  JobRemoval1763700046000,
  EngineReconciliation1763700047000,
  AdoptedObjects1763700050000,
  PinAttempts1763700051000,
  QuickMarks1763700052000,
  QuickMarksInPlace1763700053000,
] as const;
