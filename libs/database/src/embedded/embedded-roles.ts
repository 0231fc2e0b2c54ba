import pg from 'pg';
import type { DatabasePasswords } from './database-passwords.js';

/** The database that Claviger's tables are in. */
export const DATABASE_NAME = 'claviger';

/**
 * The three roles, for a superuser to run as often as wanted. `:'…'` are the passwords, as in psql.
 * The application may become `claviger_system` only by saying so (SET ROLE): it inherits nothing.
 */
const ROLES = `
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['claviger_owner', 'claviger_app', 'claviger_system'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I', wanted);
    END IF;
  END LOOP;
END $$;
ALTER ROLE claviger_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE claviger_app LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'app_password';
ALTER ROLE claviger_system NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT claviger_system TO claviger_app;
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
`;

/** Who may connect: the owner by owning it, the application, nobody else. */
const ACCESS = `
REVOKE ALL ON DATABASE ${DATABASE_NAME} FROM PUBLIC;
GRANT CONNECT ON DATABASE ${DATABASE_NAME} TO claviger_app;
`;

/** Makes roles and database of a server on loopback what Claviger expects, whatever of them was there. */
export async function ensureRoles(port: number, passwords: DatabasePasswords): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    password: passwords.superuser,
  });
  await client.connect();
  try {
    await client.query(
      ROLES.replace(":'owner_password'", client.escapeLiteral(passwords.owner)).replace(
        ":'app_password'",
        client.escapeLiteral(passwords.app),
      ),
    );
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE_NAME]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE_NAME} OWNER claviger_owner`);
    await client.query(ACCESS);
  } finally {
    await client.end();
  }
}
