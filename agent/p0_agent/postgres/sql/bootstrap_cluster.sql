-- Roles. {broker} holds the rights to grant and to make logins, but cannot log in; {agent} can, and acts as it;
-- {reader} can log in and read no table.
DO $p0$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[{broker_name}, {agent_name}, {reader_name}] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I', wanted);
    END IF;
  END LOOP;
END
$p0$;

ALTER ROLE {broker} NOLOGIN CREATEROLE NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE {agent} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT {agent_connections} PASSWORD {agent_verifier};
ALTER ROLE {reader} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  CONNECTION LIMIT {reader_connections} PASSWORD {reader_verifier};

ALTER ROLE {agent} SET role = {broker_name};
ALTER ROLE {agent} SET lock_timeout = '2s';
ALTER ROLE {agent} SET statement_timeout = '15s';
ALTER ROLE {agent} SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE {reader} SET lock_timeout = '500ms';
ALTER ROLE {reader} SET statement_timeout = '5s';
ALTER ROLE {reader} SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE {reader} SET default_transaction_read_only = on;
-- What the reader analyses must not reach the server's log: it is other people's SQL.
ALTER ROLE {reader} SET log_min_messages = 'panic';
