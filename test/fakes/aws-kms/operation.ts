import { z } from 'zod';
import type { Account } from './account.js';
import { KmsRefusal, invalid } from './kms-refusal.js';

/** An operation of the service: takes the request's JSON, gives the answer's. */
export type Operation = (account: Account, json: unknown) => object | Promise<object>;

/** An operation whose input is checked first. A member of the wrong type cannot be read at all, as AWS has it. */
export const operation =
  <T>(schema: z.ZodType<T>, run: (account: Account, input: T) => object | Promise<object>): Operation =>
  (account, json) => {
    const parsed = schema.safeParse(json);
    if (parsed.success) return run(account, parsed.data);
    const [issue] = parsed.error.issues;
    const message = `${parsed.error.issues.length} validation error detected: Value at '${issue?.path.join('.')}' failed to satisfy constraint: ${issue?.message}`;
    throw issue?.code === 'invalid_type' && issue.message.includes('undefined') === false
      ? new KmsRefusal('SerializationException', message)
      : invalid(message);
  };

export const keyId = z.string().min(1).max(2048);

/** A blob of `min` to `max` bytes, base64 in JSON. */
export const blob = (min: number, max: number): z.ZodType<Buffer> =>
  z
    .string()
    .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((bytes) => bytes.length >= min && bytes.length <= max, {
      message: `Member must have length between ${min} and ${max}`,
    });

/** One page of a listing: from behind the marker, which is an index. */
export function pageOf<T>(
  all: readonly T[],
  limit: number,
  marker: string | undefined,
): { page: readonly T[]; Truncated: boolean; NextMarker?: string } {
  const from = marker === undefined ? 0 : Number(marker);
  if (!Number.isInteger(from) || from < 0)
    throw new KmsRefusal('InvalidMarkerException', 'Could not deserialize marker');
  const to = from + limit;
  const page = all.slice(from, to);
  return to < all.length ? { page, Truncated: true, NextMarker: String(to) } : { page, Truncated: false };
}

export const listing = (max: number, usual: number) => ({
  Limit: z.number().int().min(1).max(max).default(usual),
  Marker: z.string().min(1).max(1024).optional(),
});
