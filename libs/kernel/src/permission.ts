/** Permissions are OAuth scopes (RFC 6749 §3.3). A route declares exactly one. */
export const PERMISSIONS = [
  'kms:keys:read',
  'kms:keys:write',
  'kms:keys:sign',
  'kms:keys:verify',
  'kms:keys:delete',
  'kms:engines:read',
  'kms:engines:admin',
  'audit:read',
  'platform:admin',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

const KNOWN: ReadonlySet<string> = new Set(PERMISSIONS);

/** Permissions over what all tenants share: only an issuer that is trusted with the platform may grant them. */
export const PLATFORM_PERMISSIONS: ReadonlySet<Permission> = new Set(['platform:admin', 'kms:engines:admin']);

/** Whether `scope` names a permission of Claviger; other scopes of a token are not ours and mean nothing here. */
export const isPermission = (scope: string): scope is Permission => KNOWN.has(scope);
