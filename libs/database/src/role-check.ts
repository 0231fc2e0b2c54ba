import type { DataSource } from 'typeorm';

interface RoleRow {
  rolname: string;
  rolsuper: boolean;
  rolbypassrls: boolean;
  /** Whether it can become, by SET ROLE, a role that row-level security does not hold for. */
  may_bypass: boolean;
  owns: boolean;
  inherits_system: boolean;
  may_system: boolean;
  version: number;
  pending: boolean;
}

const QUERY = `
  SELECT r.rolname, r.rolsuper, r.rolbypassrls,
         EXISTS (SELECT 1 FROM pg_roles o WHERE (o.rolsuper OR o.rolbypassrls) AND pg_has_role(r.oid, o.oid, 'MEMBER')) AS may_bypass,
         EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = 'public' AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS owns,
         COALESCE((SELECT pg_has_role(r.oid, s.oid, 'USAGE') FROM pg_roles s WHERE s.rolname = 'claviger_system'), false) AS inherits_system,
         COALESCE((SELECT pg_has_role(r.oid, s.oid, 'MEMBER') FROM pg_roles s WHERE s.rolname = 'claviger_system'), false) AS may_system,
         current_setting('server_version_num')::int AS version,
         to_regclass('public.kms_key') IS NULL AS pending
    FROM pg_roles r WHERE r.rolname = current_user`;

/** What is wrong with the application role, one sentence each; empty when row-level security will hold for it. */
export async function applicationRoleProblems(dataSource: DataSource): Promise<string[]> {
  const [role] = await dataSource.query<RoleRow[]>(QUERY);
  if (!role) return ['DATABASE_URL: the role does not exist'];
  const problems: string[] = [];
  const say = (bad: boolean, text: string): void => void (bad && problems.push(`DATABASE_URL: ${text}`));
  say(role.version < 150_000, 'PostgreSQL 15 or newer is needed');
  say(role.rolsuper, `role ${role.rolname} is a superuser; row-level security would not hold`);
  say(role.rolbypassrls, `role ${role.rolname} has BYPASSRLS; row-level security would not hold`);
  say(
    role.may_bypass && !role.rolsuper && !role.rolbypassrls,
    `role ${role.rolname} is a member of a superuser or BYPASSRLS role; row-level security would not hold`,
  );
  say(
    role.owns && !role.rolsuper,
    `role ${role.rolname} owns tables; use the application role, not the owner`,
  );
  say(
    role.inherits_system && !role.rolsuper,
    `role ${role.rolname} inherits claviger_system; it must be NOINHERIT`,
  );
  say(!role.may_system && !role.pending, `role ${role.rolname} is no member of claviger_system`);
  say(role.pending, 'the schema is missing; run `claviger migrate`');
  return problems;
}
