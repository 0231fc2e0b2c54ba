export { decodeBase64 } from './base64.js';
export { CsrService, type CsrInput } from './csr.service.js';
export {
  EngineAdministrationService,
  type EngineDetailView,
  type EngineTestView,
} from './engine-administration.service.js';
export type { EngineReconciliation } from './engine-reconciliation.js';
export { EngineReconciliationService } from './engine-reconciliation.service.js';
export { ImportTokenService, type ImportKeyView, type KeyKind } from './import-token.service.js';
export { KeyAdoptionService, type HeldKeyView } from './key-adoption.service.js';
export { KeyCreationService, type CreateKeyInput, type ImportKeyInput } from './key-creation.service.js';
export { DELETION_WINDOW_DAYS, KeyDestructionService, type Destruction } from './key-destruction.service.js';
export { KeyDirectory } from './key-directory.js';
export { KeyEditingService } from './key-editing.service.js';
export { BULK, KeyJobs, type CreateKeysInput } from './key-jobs.js';
export { KeyImportJobs } from './key-import-jobs.js';
export { KeyLifecycleService } from './key-lifecycle.service.js';
export { KeyListingService, type KeyPage, type KeyStats } from './key-listing.service.js';
export { KeyMaking } from './key-making.js';
export { KeyReadingService } from './key-reading.service.js';
export { KeyReconciler } from './key-reconciler.js';
export { metadataFault, nameFault, tagsFault } from './key-rules.js';
export { entityTag, type KeyView } from './key-view.js';
export { KeyEntity } from './key.entity.js';
export type { PatchHandling } from './json-patch.js';
export { LastUseRecorder } from './last-use-recorder.js';
export { ReconciliationSchedule } from './reconciliation-schedule.js';
export { renderPublicKey } from './public-key-rendering.js';
export type { SignInput } from './signature-request.js';
export { SigningService, type BatchAnswer, type BatchItem } from './signing.service.js';
export { WrappedImportService, type WrappedImportInput } from './wrapped-import.service.js';
export { VerificationService, type VerifyAnswer, type VerifyInput } from './verification.service.js';
