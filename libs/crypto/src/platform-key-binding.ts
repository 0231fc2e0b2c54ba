import { PLATFORM_CHAIN } from '#kernel';
import type { SealBinding } from './sealer.js';

/** What a key of the platform's own, wrapped by the root, is bound to. */
export const platformKeyBinding = (name: string): SealBinding => ({
  tenantId: PLATFORM_CHAIN,
  purpose: 'platform-key',
  objectId: name,
  version: 1,
});
