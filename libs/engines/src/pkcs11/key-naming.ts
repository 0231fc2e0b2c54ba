import { constantTimeEqual, sha256 } from '#crypto';
import { AppError } from '#kernel';
import type { EngineKeyRef } from '../engine.js';

const VERSION = 1;
const LABEL = /^claviger\/([a-z0-9-]+)\/([^/]+)$/;

/** No id of a tenant or key has a NUL. */
const joined = (purpose: string, { tenantId, keyId }: EngineKeyRef): string =>
  `claviger pkcs11 ${purpose}\0${tenantId}\0${keyId}`;

/** CKA_ID of what is made for a reference: 32 bytes, known before it is made. */
export const objectIdOf = (ref: EngineKeyRef): Buffer => sha256(joined('id', ref));

/** CKA_LABEL, for people and for `refOf`. */
export const labelOf = ({ tenantId, keyId }: EngineKeyRef): string => `claviger/${tenantId}/${keyId}`;

/** Whose key it is: what the label says, where the id is the one that belongs to it. */
export function refOf(label: string, objectId: Buffer): EngineKeyRef | undefined {
  const [, tenantId, keyId] = LABEL.exec(label) ?? [];
  if (tenantId === undefined || keyId === undefined) return undefined;
  const ref = { tenantId, keyId };
  return constantTimeEqual(objectIdOf(ref), objectId) ? ref : undefined;
}

const bindingOf = (ref: EngineKeyRef, objectId: Buffer): Buffer =>
  sha256(Buffer.concat([Buffer.from(`${joined('handle', ref)}\0`), objectId]));

/** What the caller stores: the version, a digest that binds the id to tenant and key, and the id. */
export const handleOf = (ref: EngineKeyRef, objectId: Buffer): Buffer =>
  Buffer.concat([Buffer.of(VERSION), bindingOf(ref, objectId), objectId]);

/** CKA_ID of a handle. Throws `AppError` `internal` where it was made for another key or tenant. */
export function objectIdIn(handle: Buffer, ref: EngineKeyRef): Buffer {
  const objectId = handle.subarray(33);
  const bound =
    handle[0] === VERSION &&
    objectId.length > 0 &&
    constantTimeEqual(handle.subarray(1, 33), bindingOf(ref, objectId));
  if (bound) return objectId;
  throw new AppError('internal', { cause: new Error('a handle is not the one of its key') });
}
