-- Roles. {broker} holds the rights to grant and to make logins, but cannot log in; {agent} can, and acts by its rights;
-- {reader} can log in and read no table. An administrator who is no superuser becomes their member, to set them up.
DO $p0$
DECLARE
  wanted text;
  power text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[{broker_name}, {agent_name}, {reader_name}] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I', wanted);
    END IF;
    FOR power IN
      SELECT p.power FROM pg_catalog.pg_roles r CROSS JOIN LATERAL (VALUES
        (r.rolsuper, 'NOSUPERUSER'), (r.rolcreatedb, 'NOCREATEDB'), (r.rolreplication, 'NOREPLICATION'),
        (r.rolbypassrls, 'NOBYPASSRLS'), (r.rolcreaterole AND wanted <> {broker_name}, 'NOCREATEROLE')) AS p (held, power)
      WHERE r.rolname = wanted AND p.held
    LOOP
      EXECUTE pg_catalog.format('ALTER ROLE %I ', wanted) || power;
    END LOOP;
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
      EXECUTE pg_catalog.format('GRANT %I TO %I', wanted, current_user);
    END IF;
  END LOOP;
END
$p0$;

ALTER ROLE {broker} NOLOGIN CREATEROLE;
ALTER ROLE {agent} LOGIN NOINHERIT CONNECTION LIMIT {agent_connections} PASSWORD {agent_verifier};
ALTER ROLE {reader} LOGIN NOINHERIT CONNECTION LIMIT {reader_connections} PASSWORD {reader_verifier};

ALTER ROLE {agent} SET lock_timeout = '2s';
ALTER ROLE {agent} SET statement_timeout = '15s';
ALTER ROLE {agent} SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE {reader} SET lock_timeout = '500ms';
ALTER ROLE {reader} SET statement_timeout = '5s';
ALTER ROLE {reader} SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE {reader} SET default_transaction_read_only = on;

-- The makers: each makes some of the agent's roles, since PostgreSQL looks at all that one has made whenever one of them changes.
-- None can log in, and none has another as its member; {broker} has each act by a function of its name in p0_makers.
DO $p0$
DECLARE
  maker text;
BEGIN
  FOR maker IN
    SELECT {broker_name} || '_' || pg_catalog.lpad(pg_catalog.to_hex(n), 2, '0') FROM pg_catalog.generate_series(0, {makers} - 1) n
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = maker) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I', maker);
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = maker AND (rolcanlogin OR NOT rolcreaterole OR NOT rolinherit)) THEN
      EXECUTE pg_catalog.format('ALTER ROLE %I NOLOGIN INHERIT CREATEROLE', maker);
    END IF;
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
      EXECUTE pg_catalog.format('GRANT %I TO %I', maker, current_user);
    END IF;
  END LOOP;
END
$p0$;

-- Accesses that {broker} itself made, or another of its makers, as older versions of p0 have it: each gets the maker of its name,
-- which can end it then.
DO $p0$
DECLARE
  role text;
  maker text;
BEGIN
  FOR role, maker IN
    SELECT r.rolname, m.rolname
    FROM pg_catalog.pg_roles r
    JOIN pg_catalog.pg_auth_members a ON a.roleid = r.oid
    JOIN pg_catalog.pg_roles b ON b.oid = a.member
      AND pg_catalog.regexp_replace(b.rolname, {maker_suffix}, '') = {broker_name}
    JOIN pg_catalog.pg_roles m ON m.rolname = {broker_name} || '_' ||
      pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(r.rolname, 'UTF8')), 'hex'), 2)
    WHERE (r.rolname ~ {login_pattern} OR r.rolname ~ {set_pattern})
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members o WHERE o.roleid = r.oid AND o.member = m.oid)
    GROUP BY r.rolname, m.rolname
  LOOP
    EXECUTE pg_catalog.format('GRANT %I TO %I', role, maker)
      || CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN ' WITH ADMIN TRUE, INHERIT FALSE, SET FALSE' ELSE '' END;
  END LOOP;
END
$p0$;

-- What only a superuser can give. The agent works without; `p0 agent doctor` says what that costs.
DO $p0$
BEGIN
  -- What the reader analyses must not reach the server's log: it is other people's SQL.
  EXECUTE pg_catalog.format('ALTER ROLE %I SET log_min_messages = %L', {reader_name}, 'panic');
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'not set: log_min_messages of %', {reader_name};
END
$p0$;
DO $p0$
BEGIN
  IF pg_catalog.current_setting('server_version_num')::int >= 150000 THEN
    EXECUTE 'GRANT SET ON PARAMETER log_statement, temp_file_limit TO ' || (
      SELECT pg_catalog.string_agg(pg_catalog.format('%I', {broker_name} || '_' || pg_catalog.lpad(pg_catalog.to_hex(n), 2, '0')), ', ')
      FROM pg_catalog.generate_series(0, {makers} - 1) n);
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'not granted: SET ON PARAMETER log_statement, temp_file_limit';
END
$p0$;
