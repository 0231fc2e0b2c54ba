export type { Answer } from './answer.js';
export { AppError, type AppErrorOptions, type FieldError } from './app-error.js';
export { systemClock, type Clock } from './clock.js';
export { ERROR_TABLE, type ErrorCode, type ErrorLevel, type ErrorRow } from './error-table.js';
export { PLATFORM_CHAIN, isJobId, isTenantId, newJobId, newKeyId, newRequestId } from './ids.js';
export { PERMISSIONS, PLATFORM_PERMISSIONS, isPermission, type Permission } from './permission.js';
export type { KeyNarrowing, Principal } from './principal.js';
export type { RequestContext, TenantScope } from './request-context.js';
export { SecretBytes } from './secret-bytes.js';
