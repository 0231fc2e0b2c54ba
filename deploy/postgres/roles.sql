-- Claviger's roles and its database, for psql (15 or newer) as a superuser, as often as wanted:
--
--   CLAVIGER_OWNER_PASSWORD=… CLAVIGER_APP_PASSWORD=… psql -f deploy/postgres/roles.sql postgres://postgres@host/postgres
--
-- The passwords come from the environment, so that they stand in no command line and in no shell history.

\set ON_ERROR_STOP on
\set QUIET on
\getenv owner_password CLAVIGER_OWNER_PASSWORD
\getenv app_password CLAVIGER_APP_PASSWORD

\if :{?owner_password}
\else
  DO $$ BEGIN RAISE EXCEPTION 'set CLAVIGER_OWNER_PASSWORD: the password of claviger_owner, who migrates'; END $$;
\endif
\if :{?app_password}
\else
  DO $$ BEGIN RAISE EXCEPTION 'set CLAVIGER_APP_PASSWORD: the password of claviger_app, as whom the API connects'; END $$;
\endif

SELECT current_setting('server_version_num')::int < 150000 AS too_old,
       current_setting('server_version_num')::int >= 160000 AS grants_have_options \gset
\if :too_old
  DO $$ BEGIN RAISE EXCEPTION 'Claviger needs PostgreSQL 15 or newer'; END $$;
\endif

DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['claviger_owner', 'claviger_app', 'claviger_system'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I', wanted);
    END IF;
  END LOOP;
END $$;

-- The password is hashed by the server; a log of statements must not keep it.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
ALTER ROLE claviger_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE claviger_app LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'app_password';
RESET log_statement;
RESET log_min_duration_statement;
RESET log_min_error_statement;

ALTER ROLE claviger_system NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- The application becomes claviger_system only by saying so (SET ROLE); it inherits nothing.
\if :grants_have_options
  GRANT claviger_system TO claviger_app WITH INHERIT FALSE, SET TRUE;
\else
  GRANT claviger_system TO claviger_app;
\endif

SELECT 'CREATE DATABASE claviger OWNER claviger_owner ENCODING ''UTF8'' TEMPLATE template0'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'claviger') \gexec

REVOKE ALL ON DATABASE claviger FROM PUBLIC;
GRANT CONNECT ON DATABASE claviger TO claviger_app;
