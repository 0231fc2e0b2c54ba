import { z } from 'zod';
import { AppError } from '#kernel';
import type { EngineKeyRef, StoredEngineKey } from '../engine.js';
import { isSameRef } from './kms-names.js';

const handle = z.strictObject({
  format: z.literal(1),
  tenantId: z.string(),
  keyId: z.string(),
  arn: z.string().regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/),
});

/** What is stored of a key: its ARN, and whose it is. */
export const handleOf = ({ tenantId, keyId }: EngineKeyRef, arn: string): Buffer =>
  Buffer.from(JSON.stringify({ format: 1, tenantId, keyId, arn }));

function read(bytes: Buffer): z.infer<typeof handle> {
  try {
    return handle.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new AppError('internal', { cause });
  }
}

type KeyWithHandle = Pick<StoredEngineKey, 'handle' | 'tenantId' | 'keyId'>;

/**
 * The ARN in a key's handle, whatever its region. Throws `AppError` `internal` where the handle is another key's or
 * tenant's, for then rows were mixed up; whoever can write handles is stopped later, as a signature must be one of the
 * stored public key.
 */
export function storedArnOf(key: KeyWithHandle): string {
  const stored = read(key.handle);
  if (isSameRef(stored, key)) return stored.arn;
  throw new AppError('internal', { cause: new Error('a handle came with another key than its own') });
}

/**
 * The same for a key that is to be used. Throws `unavailable` for one of another region: asked here, AWS would say that
 * there is none, and it would count as destroyed.
 */
export function arnOf(key: KeyWithHandle, region: string): string {
  const arn = storedArnOf(key);
  if (arn.split(':')[3] === region) return arn;
  throw new AppError('unavailable', {
    detail: 'The key lives in another region of AWS KMS than its engine is configured for.',
    retryAfterS: 60,
  });
}
