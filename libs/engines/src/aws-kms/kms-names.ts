import type { Tag } from '@aws-sdk/client-kms';
import { AppError } from '#kernel';
import type { EngineKeyRef } from '../engine.js';

const TENANT_TAG = 'claviger:tenant-id';
const KEY_TAG = 'claviger:key-id';
const MANAGED_BY_TAG = 'managed-by';

/** What an alias and a tag can carry as they are; 256 characters hold prefix, tenant and key id. */
const PART = /^[A-Za-z0-9_-]{1,90}$/;

function checked({ tenantId, keyId }: EngineKeyRef): EngineKeyRef {
  if (PART.test(tenantId) && PART.test(keyId)) return { tenantId, keyId };
  throw new AppError('internal', { cause: new Error('a key reference that AWS KMS has no name for') });
}

/** The alias that people find a key by; it decides nothing. */
export function aliasOf(prefix: string, ref: EngineKeyRef): string {
  const { tenantId, keyId } = checked(ref);
  return `alias/${prefix}/${tenantId}/${keyId}`;
}

/** Whose a key is, as its tags say. The prefix tells two installations in one account apart. */
export function tagsOf(prefix: string, ref: EngineKeyRef): Tag[] {
  const { tenantId, keyId } = checked(ref);
  return [
    { TagKey: TENANT_TAG, TagValue: tenantId },
    { TagKey: KEY_TAG, TagValue: keyId },
    { TagKey: MANAGED_BY_TAG, TagValue: prefix },
  ];
}

/** The reference that a key was made for by the installation of this prefix. */
export function refOf(prefix: string, tags: readonly Tag[]): EngineKeyRef | undefined {
  const value = (name: string): string | undefined => tags.find(({ TagKey }) => TagKey === name)?.TagValue;
  const [tenantId, keyId] = [value(TENANT_TAG), value(KEY_TAG)];
  if (value(MANAGED_BY_TAG) !== prefix || tenantId === undefined || keyId === undefined) return undefined;
  return { tenantId, keyId };
}

export const isSameRef = (one: EngineKeyRef | undefined, other: EngineKeyRef): boolean =>
  one?.tenantId === other.tenantId && one.keyId === other.keyId;
