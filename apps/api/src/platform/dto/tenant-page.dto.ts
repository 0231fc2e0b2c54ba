import { TenantDto } from './tenant.dto.js';

/** Tenants in the order of their ids; the last id is the next `after`. */
export class TenantPageDto {
  list: TenantDto[];
}
