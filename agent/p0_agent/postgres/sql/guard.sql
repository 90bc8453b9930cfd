-- The hardened mode. {broker} owns these functions, and no login can become it; {agent} may execute those that are granted
-- to it at the end, and can do nothing else to roles. They hold whoever has that login to what is written in the table
-- ceiling, to roles that were made here, and to names that only such roles have.
--
-- For whoever changes this: what the caller passes is data, quoted by format() wherever it becomes SQL. The search path is
-- pinned, and nothing here may touch what the agent owns (the schema p0): its triggers would run as the broker. Settings of
-- the caller's session are the caller's: no backslash in a string, no ASSERT, no comparison with a bare NULL, no
-- time with the name of a zone.
CREATE SCHEMA IF NOT EXISTS p0_guard AUTHORIZATION {broker};
REVOKE ALL ON SCHEMA p0_guard FROM PUBLIC;
SET ROLE {broker};

-- All or nothing, while an agent may be at work. What another version of p0 brought goes, since its arguments and results may have
-- been others.
BEGIN;
DO $p0$
DECLARE
  older text;
BEGIN
  FOR older IN
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'p0_guard'::regnamespace AND encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex') <> ALL ({bodies})
  LOOP
    EXECUTE 'DROP ROUTINE ' || older;
  END LOOP;
END
$p0$;

CREATE TABLE IF NOT EXISTS p0_guard.ceiling (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  max_ttl bigint NOT NULL,
  max_permissions integer NOT NULL,
  connections integer NOT NULL,
  privileges text[] NOT NULL,
  schemas text[] NOT NULL,
  roles text[] NOT NULL
);
ALTER TABLE p0_guard.ceiling ADD COLUMN IF NOT EXISTS keeper text;
ALTER TABLE p0_guard.ceiling ADD COLUMN IF NOT EXISTS kinds text[];
COMMENT ON TABLE p0_guard.ceiling IS 'What no access can exceed in this database, whoever has the agent''s login';
REVOKE ALL ON p0_guard.ceiling FROM PUBLIC, {agent};
INSERT INTO p0_guard.ceiling (max_ttl, max_permissions, connections, privileges, schemas, roles, keeper, kinds)
VALUES ({max_ttl}, {max_permissions}, {connections}, {privileges}, {schemas}, {granted_roles}, {kept_by}, {kinds})
ON CONFLICT (one) DO UPDATE SET max_ttl = excluded.max_ttl, max_permissions = excluded.max_permissions,
  connections = excluded.connections, privileges = excluded.privileges, schemas = excluded.schemas, roles = excluded.roles,
  keeper = excluded.keeper, kinds = excluded.kinds;

CREATE OR REPLACE FUNCTION p0_guard.refuse(what text) RETURNS void LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  RAISE EXCEPTION '%', what USING ERRCODE = {refused};
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.options() RETURNS text LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
  SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET FALSE' ELSE '' END
$p0$;

-- The role that made this one, or will: which one is told by its name.
CREATE OR REPLACE FUNCTION p0_guard.maker(role text) RETURNS text LANGUAGE sql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
  SELECT {broker_name} || '_' || left(encode(sha256(convert_to(role, 'UTF8')), 'hex'), 2)
$p0$;

-- What only the maker of a role can do to it.
CREATE OR REPLACE FUNCTION p0_guard.act(role text, statement text) RETURNS void LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  EXECUTE format('SELECT p0_makers.%I($1)', p0_guard.maker(role)) USING statement;
END
$p0$;

-- Makes the broker a member, to end what the role does and to drop what it owns.
CREATE OR REPLACE FUNCTION p0_guard.take(role text) RETURNS void LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.act(role, format('GRANT %I TO %I', role, {broker_name}) || p0_guard.options());
END
$p0$;

-- Before PostgreSQL 16, who makes a role is not its member by that.
CREATE OR REPLACE FUNCTION p0_guard.mark(role text) RETURNS text LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
  SELECT CASE p0_guard.options() WHEN '' THEN format('; GRANT %I TO CURRENT_USER', role) ELSE '' END
$p0$;

-- A role that these functions made, of one of the two kinds: by its name, and by its maker being its member.
CREATE OR REPLACE FUNCTION p0_guard.made(role text, kinds text) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
  SELECT (strpos(kinds, 'login') > 0 AND role ~ {login_pattern} OR strpos(kinds, 'set') > 0 AND role ~ {set_pattern})
    AND EXISTS (SELECT FROM pg_roles r JOIN pg_auth_members m ON m.roleid = r.oid
                WHERE r.rolname = role AND m.member = to_regrole(quote_ident(p0_guard.maker(role)))::oid
                  AND NOT r.rolsuper AND NOT r.rolcreaterole)
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.require(roles text[], kinds text) RETURNS void LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY roles LOOP
    IF role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
      RAISE EXCEPTION 'role % does not exist', role USING ERRCODE = 'undefined_object';
    END IF;
    IF role IS NULL OR NOT p0_guard.made(role, kinds) THEN
      PERFORM p0_guard.refuse(format('%s is not a role of the agent''s making', role));
    END IF;
  END LOOP;
END
$p0$;

-- A password never comes here, only what PostgreSQL stores of one.
CREATE OR REPLACE FUNCTION p0_guard.require_verifier(verifier text) RETURNS void LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  IF verifier !~ '^SCRAM-SHA-256[$][1-9][0-9]{{0,6}}:[A-Za-z0-9+/]{{22,86}}={{0,2}}[$][A-Za-z0-9+/]{{43}}=:[A-Za-z0-9+/]{{43}}=$' THEN
    PERFORM p0_guard.refuse('this is not a SCRAM-SHA-256 verifier');
  END IF;
END
$p0$;

-- The offset is a number: letters, Z too, are what the session's time zone says (PostgreSQL 18).
CREATE OR REPLACE FUNCTION p0_guard.timestamp(epoch bigint) RETURNS text LANGUAGE sql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
  SELECT to_char(to_timestamp(epoch) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00"')
$p0$;

-- Settings that guard against mistakes, and nothing that loads or runs anything, as statements that follow others. A value
-- is a list of texts.
CREATE OR REPLACE FUNCTION p0_guard.set(login text, settings jsonb) RETURNS text LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  name text;
  list text;
  statements text := '';
BEGIN
  FOR name, list IN
    SELECT s.key, (SELECT string_agg(quote_literal(v.value), ', ' ORDER BY v.ordinality)
                   FROM jsonb_array_elements_text(s.value) WITH ORDINALITY AS v)
    FROM jsonb_each(settings) WITH ORDINALITY AS s ORDER BY s.ordinality
  LOOP
    IF name <> ALL ({settings_allowed}) OR list IS NULL THEN
      PERFORM p0_guard.refuse(format('the setting %s is not for the agent to set', name));
    END IF;
    statements := statements || format('; ALTER ROLE %I SET %I = %s', login, name, list);
  END LOOP;
  RETURN statements;
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.open_set(role text) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  IF role !~ {set_pattern} THEN
    PERFORM p0_guard.refuse(format('%s is not a name for a set role', role));
  END IF;
  PERFORM p0_guard.act(role, format('CREATE ROLE %I NOLOGIN', role) || p0_guard.mark(role));
END
$p0$;

-- What a GRANT names, with its noun. A function is told by its arguments' types.
CREATE OR REPLACE FUNCTION p0_guard.named(kind text, schema text, object text) RETURNS text LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  found regprocedure;
BEGIN
  IF kind = 'function' THEN
    SELECT p.oid INTO found FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = schema AND object = p.proname || '(' || array_to_string(ARRAY(
      SELECT format_type(t.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS t (type, place) ORDER BY t.place), ', ') || ')';
    IF found IS NULL THEN
      RAISE EXCEPTION 'function %.% does not exist', schema, object USING ERRCODE = 'undefined_object';
    END IF;
    RETURN 'ROUTINE ' || found;
  ELSIF kind = 'large_object' THEN
    RETURN 'LARGE OBJECT ' || object::oid;
  ELSIF kind IN ('database', 'schema') THEN
    RETURN format('%s %I', upper(kind), object);
  END IF;
  RETURN format('%s %I.%I', CASE kind WHEN 'sequence' THEN 'SEQUENCE' WHEN 'type' THEN 'TYPE' ELSE 'TABLE' END, schema, object);
END
$p0$;

-- Permissions as [kind, schema, object, column, privilege]. PostgreSQL only warns of what the broker cannot grant: the agent
-- takes that for an error, and reads back what was granted.
CREATE OR REPLACE FUNCTION p0_guard.grant(role text, permissions jsonb) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  above text;
  statement text;
BEGIN
  PERFORM p0_guard.require(ARRAY[role], 'set');
  IF NOT EXISTS (SELECT FROM p0_guard.ceiling) THEN
    PERFORM p0_guard.refuse('there is no ceiling');
  END IF;
  SELECT CASE WHEN count(*) > min(c.max_permissions) THEN count(*) || ' permissions'
         ELSE min(format('%s on %s %s', p.privilege, p.kind, concat_ws('.', p.schema, p.object))) FILTER (WHERE NOT coalesce(
           CASE p.kind
             WHEN 'database' THEN p.privilege IN ('CONNECT', 'TEMPORARY') AND p.object = current_database()
             WHEN 'schema' THEN p.privilege = 'USAGE' AND p.object = ANY (c.schemas)
             WHEN 'sequence' THEN p.privilege IN ('USAGE', 'SELECT', 'UPDATE') AND p.schema = ANY (c.schemas)
             WHEN 'function' THEN p.privilege = 'EXECUTE' AND p.schema = ANY (c.schemas)
             WHEN 'type' THEN p.privilege = 'USAGE' AND p.schema = ANY (c.schemas)
             WHEN 'large_object' THEN p.privilege IN ('SELECT', 'UPDATE') AND p.schema IS NULL
             WHEN 'column' THEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND p.schema = ANY (c.schemas)
               AND p."column" IS NOT NULL
             WHEN 'relation' THEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES')
               AND p.schema = ANY (c.schemas)
             WHEN 'role' THEN p.privilege = 'MEMBER' AND p.object = ANY (c.roles) AND NOT EXISTS (
               SELECT FROM pg_roles r
               WHERE pg_has_role(p.object, r.oid, 'MEMBER') AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
                 OR r.rolreplication OR r.rolbypassrls OR r.rolname ~ '^pg_' OR r.rolname = current_user
                 OR r.rolcanlogin AND p0_guard.options() = '' -- its members can give it a password
                 OR EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
                            AND d.deptype = 'o' AND NOT (d.classid = 'pg_default_acl'::regclass -- changed by who has it
                             AND EXISTS (SELECT FROM pg_roles s WHERE pg_has_role(s.oid, r.oid, 'MEMBER') AND p0_guard.made(s.rolname, 'set'))))))
           END AND p.object IS NOT NULL AND p.kind = ANY (c.kinds || ARRAY['role']) AND p.privilege = ANY (c.privileges || ARRAY['MEMBER']), false)) END
  INTO above
  FROM p0_guard.ceiling c, p0_guard.parts(permissions) p;
  IF above IS NOT NULL THEN
    PERFORM p0_guard.refuse(above || ' is above the ceiling');
  END IF;
  FOR statement IN
    SELECT CASE p.kind WHEN 'role' THEN format('GRANT %I TO %I', p.object, role) || p0_guard.options()
      ELSE format('GRANT %s ON %s TO %I',
        string_agg(p.privilege || CASE WHEN p.kind = 'column' THEN format(' (%I)', p."column") ELSE '' END, ', '),
        p0_guard.named(p.kind, p.schema, p.object), role) END
    FROM p0_guard.parts(permissions) p GROUP BY p.kind, p.schema, p.object ORDER BY p.kind, p.schema, p.object
  LOOP
    EXECUTE statement;
  END LOOP;
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.open(
  login text, set_role text, verifier text, not_after bigint, sessions integer, about text, settings jsonb
) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  limits p0_guard.ceiling;
BEGIN
  SELECT c.* INTO STRICT limits FROM p0_guard.ceiling c;
  IF login !~ {login_pattern} THEN
    PERFORM p0_guard.refuse(format('%s is not a name for a login', login));
  END IF;
  PERFORM p0_guard.require(ARRAY[set_role], 'set'), p0_guard.require_verifier(verifier);
  IF not_after NOT BETWEEN 1 AND extract(epoch FROM clock_timestamp())::bigint + limits.max_ttl + {clock_slack} THEN
    PERFORM p0_guard.refuse('the end is above the ceiling');
  END IF;
  IF sessions NOT BETWEEN 1 AND limits.connections THEN
    PERFORM p0_guard.refuse('the connection limit is above the ceiling');
  END IF;
  PERFORM p0_guard.act(login,
    format('CREATE ROLE %I LOGIN INHERIT CONNECTION LIMIT %s VALID UNTIL %L PASSWORD %L',
           login, sessions, p0_guard.timestamp(not_after), verifier)
    || format('; COMMENT ON ROLE %I IS %L', login,
              format('%s [%s]', about, extract(epoch FROM clock_timestamp())::bigint + limits.max_ttl))
    || p0_guard.set(login, settings) || p0_guard.mark(login));
  PERFORM p0_guard.act(set_role, format('GRANT %I TO %I', set_role, login) || p0_guard.options());
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.renew(login text, verifier text) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.require(ARRAY[login], 'login'), p0_guard.require_verifier(verifier);
  PERFORM p0_guard.act(login, format('ALTER ROLE %I PASSWORD %L', login, verifier));
END
$p0$;

-- End and settings put right, or a later end with another comment (not ''): never later than when the login was made allowed, by
-- its comment, which only its maker can write.
CREATE OR REPLACE FUNCTION p0_guard.restore(login text, not_after bigint, about text, settings jsonb)
RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  latest bigint;
  place text;
  statements text;
BEGIN
  PERFORM p0_guard.require(ARRAY[login], 'login');
  SELECT substring(shobj_description(r.oid, 'pg_authid') FROM '[[]([0-9]+)[]]$')::bigint INTO latest
  FROM pg_roles r WHERE r.rolname = login;
  IF latest IS NULL OR not_after NOT BETWEEN 1 AND latest + {clock_slack} THEN
    PERFORM p0_guard.refuse('the end is above the ceiling');
  END IF;
  statements := format('ALTER ROLE %I VALID UNTIL %L', login, p0_guard.timestamp(not_after));
  IF about <> '' THEN
    statements := statements || format('; COMMENT ON ROLE %I IS %L', login, format('%s [%s]', about, latest));
  END IF;
  FOR place IN
    SELECT d.datname FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole JOIN pg_database d ON d.oid = s.setdatabase
    WHERE r.rolname = login
  LOOP
    statements := statements || format('; ALTER ROLE %I IN DATABASE %I RESET ALL', login, place);
  END LOOP;
  PERFORM p0_guard.act(login, statements || format('; ALTER ROLE %I RESET ALL', login) || p0_guard.set(login, settings));
END
$p0$;

-- No new session, and for those that are there none of the set role's privileges. Without a set role: ''.
CREATE OR REPLACE FUNCTION p0_guard.fence(login text, set_role text) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.require(ARRAY[login], 'login');
  PERFORM p0_guard.act(login, format('ALTER ROLE %I NOLOGIN', login));
  IF set_role <> '' THEN
    PERFORM p0_guard.require(ARRAY[set_role], 'set');
    PERFORM p0_guard.act(set_role, CASE p0_guard.options() WHEN '' THEN format('REVOKE %I FROM %I', set_role, login)
      ELSE format('GRANT %I TO %I WITH INHERIT FALSE, SET FALSE', set_role, login) END); -- REVOKE looks at all members
  END IF;
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.kill(login text) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.require(ARRAY[login], 'login');
  PERFORM p0_guard.act(login, CASE p0_guard.options() WHEN '' THEN '' -- before 15 a login can hold up whoever grants it
      ELSE format('GRANT %I TO CURRENT_USER', login) || p0_guard.options() || '; ' END
    || format('SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid WHERE r.rolname = %L',
              login));
END
$p0$;

-- For a minute, one session as a login that is out already, to undo what only its owner can: in another database, or a
-- prepared transaction. Whoever may open an access may as well have one that holds nothing.
CREATE OR REPLACE FUNCTION p0_guard.enter(login text, verifier text, place text)
RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.require(ARRAY[login], 'login'), p0_guard.require_verifier(verifier);
  IF EXISTS (SELECT FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid
             WHERE r.rolname = login AND NOT to_jsonb(m) @> '{{"admin_option": false, "inherit_option": false, "set_option": false}}') THEN
    PERFORM p0_guard.refuse(format('%s is not fenced', login));
  END IF;
  PERFORM p0_guard.act(login, format('ALTER ROLE %I RESET ALL', login)
    || format('; ALTER ROLE %I LOGIN CONNECTION LIMIT 1 VALID UNTIL %L PASSWORD %L', login,
              p0_guard.timestamp(extract(epoch FROM clock_timestamp())::bigint + 60), verifier));
  IF has_database_privilege(current_user, place, 'CONNECT WITH GRANT OPTION') THEN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', place, login);
  END IF;
END
$p0$;

-- To undo as a role what nobody else can: a transaction that a login has prepared, and that keeps it from being fenced by holding
-- its row in pg_authid; what a role left in a database without these functions. Whoever may open an access with a role, or give a
-- login another password, may as well be it for that long.
CREATE OR REPLACE FUNCTION p0_guard.become(role text) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.require(ARRAY[role], 'login, set');
  PERFORM p0_guard.act(role, format('GRANT %I TO %I', role, session_user)
    || CASE p0_guard.options() WHEN '' THEN '' ELSE ' WITH INHERIT FALSE, SET TRUE' END);
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.leave(role text) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
BEGIN
  PERFORM p0_guard.require(ARRAY[role], 'login, set');
  PERFORM p0_guard.act(role, format('REVOKE %I FROM %I, %I', role, session_user, {broker_name}));
END
$p0$;

-- Hands what the roles own in this database to the keeper that the ceiling names. Without one it is refused.
CREATE OR REPLACE FUNCTION p0_guard.keep(roles text[]) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  keeper CONSTANT text := (SELECT c.keeper FROM p0_guard.ceiling c);
  here CONSTANT oid := (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database());
  statement text;
  dropped integer;
  stuck text;
BEGIN
  PERFORM p0_guard.require(roles, 'login, set');
  PERFORM p0_guard.take(role) FROM unnest(roles) AS role;
{keep}END
$p0$;

-- Drops what the roles own, with the casts of their types, and revokes what they hold, in this database and cluster-wide.
CREATE OR REPLACE FUNCTION p0_guard.clear(roles text[]) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  statement text;
BEGIN
  PERFORM p0_guard.require(roles, 'login, set');
  PERFORM p0_guard.take(role) FROM unnest(roles) AS role;
{first}  EXECUTE 'DROP OWNED BY ' || (SELECT string_agg(quote_ident(role), ', ') FROM unnest(roles) AS role);
END
$p0$;

-- A session whose role is gone could be ended by superusers alone.
CREATE OR REPLACE FUNCTION p0_guard.close(roles text[]) RETURNS void LANGUAGE plpgsql STRICT SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $p0$
DECLARE
  gone CONSTANT oid[] := ARRAY(SELECT r.oid FROM pg_roles r WHERE r.rolname = ANY (roles));
BEGIN
  PERFORM p0_guard.require(roles, 'login, set');
  PERFORM p0_guard.act(role, format('DROP ROLE %I', role)) FROM unnest(roles) AS role;
  IF EXISTS (SELECT FROM pg_stat_get_activity(NULL) a WHERE a.usesysid = ANY (gone)) THEN
    RAISE EXCEPTION 'there are sessions of %', roles USING ERRCODE = 'object_in_use';
  END IF;
END
$p0$;

CREATE OR REPLACE FUNCTION p0_guard.parts(permissions jsonb)
RETURNS TABLE (kind text, schema text, object text, "column" text, privilege text) LANGUAGE sql IMMUTABLE
  SET search_path = pg_catalog, pg_temp
AS $p0$
  SELECT p ->> 0, p ->> 1, p ->> 2, p ->> 3, p ->> 4 FROM jsonb_array_elements(permissions) AS p
$p0$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA p0_guard FROM PUBLIC, {agent};
GRANT EXECUTE ON FUNCTION
  p0_guard.open_set(text), p0_guard.grant(text, jsonb),
  p0_guard.open(text, text, text, bigint, integer, text, jsonb), p0_guard.renew(text, text), p0_guard.restore(text, bigint, text, jsonb),
  p0_guard.fence(text, text), p0_guard.kill(text), p0_guard.enter(text, text, text),
  p0_guard.become(text), p0_guard.leave(text),
  p0_guard.keep(text[]), p0_guard.clear(text[]), p0_guard.close(text[])
TO {agent};
GRANT USAGE ON SCHEMA p0_guard TO {agent};
COMMIT;
RESET ROLE;
