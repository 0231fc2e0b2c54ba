export { RootKeys } from './root-keys.js';
export { TenantDirectory } from './tenant-directory.js';
export { TenantKekEntity } from './tenant-kek.entity.js';
export { TenantKeys, type DerivedKeys } from './tenant-keys.js';
export { TenantEntity, type TenantState } from './tenant.entity.js';
export { TenantService, type TenantView } from './tenant.service.js';
export { AuditQueryService, type AuditEventView, type AuditPage } from './audit-query.service.js';
