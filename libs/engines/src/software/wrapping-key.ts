import { findKeySpec } from '#crypto';
import { generateKey, type GeneratedKey } from './key-generation.js';

/**
 * An RSA-4096 key under which one private key is brought in. It takes a second or more of a pool thread, and tenants take
 * turns. Throws `AppError` `rate_limited` when too many of the tenant's wait.
 */
export const generateWrappingKey = (tenantId: string): Promise<GeneratedKey> =>
  generateKey(tenantId, findKeySpec('RSA', 4096)!);
