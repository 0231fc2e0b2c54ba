import { uuidv7 } from 'uuidv7';

/** A fresh key id: `key-` and a UUIDv7 (RFC 9562), so that ids sort by creation. */
export const newKeyId = (): string => `key-${uuidv7()}`;

/** A fresh job id: `job-` and a UUIDv7. */
export const newJobId = (): string => `job-${uuidv7()}`;

const JOB_ID = /^job-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text could be the id of a job. */
export const isJobId = (value: unknown): value is string => typeof value === 'string' && JOB_ID.test(value);

/** A fresh request id (UUIDv7). */
export const newRequestId = (): string => uuidv7();

const TENANT_ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Tenant ids are DNS labels (RFC 1123): 1–63 of `a-z0-9-`, no hyphen at either end. */
export const isTenantId = (value: unknown): value is string =>
  typeof value === 'string' && TENANT_ID.test(value);

/** The audit chain of what concerns no tenant. Not a tenant id, so no tenant can have it. */
export const PLATFORM_CHAIN = '_platform';
