import type { SealBinding } from '#crypto';

/** What a wrapped key-encryption key is bound to. */
export const kekBinding = (tenantId: string, version: number): SealBinding => ({
  tenantId,
  purpose: 'tenant-kek',
  objectId: tenantId,
  version,
});
