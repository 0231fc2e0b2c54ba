import { verifySignature } from '#crypto';
import { AppError } from '#kernel';
import type { SignInput, StoredEngineKey } from './engine.js';

/**
 * The signature that came back from a device or a cloud, once the public key has accepted it. A wrong one never leaves:
 * it throws `unavailable`, for it is the device that is at fault.
 */
export async function acceptedSignature(
  { spki, spec }: StoredEngineKey,
  { row, type, data, saltLength }: SignInput,
  signature: Buffer,
): Promise<Buffer> {
  const salt = saltLength === undefined ? {} : { saltLength };
  if (await verifySignature({ spki, spec, row, type, data, signature, ...salt })) return signature;
  throw new AppError('unavailable', {
    detail: 'The engine made a signature that its public key does not accept.',
    cause: new Error('a device made a wrong signature'),
    retryAfterS: 1,
  });
}
