export const ENGINE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const MAX_SECRETS = 8;
const MAX_SECRET_LENGTH = 4_096;
const MAX_CONFIG_BYTES = 8_192;
const MAX_TENANTS = 1_000;

/** Secrets are texts; in a change, null takes one away. */
export const secretsFault =
  (nullable: boolean) =>
  (value: unknown): string | undefined => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object';
    const entries = Object.entries(value);
    if (entries.length > MAX_SECRETS) return `must have at most ${MAX_SECRETS} members`;
    const good = ([, secret]: [string, unknown]): boolean =>
      (nullable && secret === null) ||
      (typeof secret === 'string' && secret.length > 0 && secret.length <= MAX_SECRET_LENGTH);
    return entries.every(good) ? undefined : `must have texts of 1 to ${MAX_SECRET_LENGTH} characters`;
  };

export const configFault = (value: unknown): string | undefined =>
  Buffer.byteLength(JSON.stringify(value) ?? '') > MAX_CONFIG_BYTES
    ? `must be at most ${MAX_CONFIG_BYTES} bytes as JSON`
    : undefined;

export const tenantsFault = (value: unknown): string | undefined =>
  Array.isArray(value) && value.length <= MAX_TENANTS && value.every((one) => typeof one === 'string')
    ? undefined
    : `must be at most ${MAX_TENANTS} tenant ids`;
