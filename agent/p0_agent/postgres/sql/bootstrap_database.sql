-- The set-up's schemas are made by whoever runs it: who made one before could put anything into it, for the agent to run.
DO $p0$
DECLARE
  schema text;
  owner text;
BEGIN
  FOR schema, owner IN
    SELECT n.nspname, r.rolname FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname IN ('p0', 'p0_evidence', 'p0_guard', 'p0_makers') AND r.rolname NOT IN (current_user, {agent_name})
      AND NOT pg_catalog.pg_has_role(r.oid, {broker_name}, 'MEMBER')
  LOOP
    RAISE EXCEPTION 'the schema % is there already, and is %''s', schema, owner;
  END LOOP;
END
$p0$;
-- The agent's own schema: here its lock, and in its home database its ledger. Its comment says, for the undoing, what
-- PUBLIC had before.
DO $p0$
DECLARE
  place CONSTANT text := pg_catalog.current_database();
BEGIN
  IF pg_catalog.to_regnamespace('p0') IS NULL THEN
    EXECUTE pg_catalog.format('CREATE SCHEMA p0 AUTHORIZATION %I', {keeper_name});
    EXECUTE pg_catalog.format('COMMENT ON SCHEMA p0 IS %L', 'The agent''s. Before its set-up PUBLIC had here: ' || (
      SELECT coalesce(pg_catalog.string_agg(p, ', ' ORDER BY p), 'nothing') FROM pg_catalog.unnest(ARRAY['CONNECT', 'TEMPORARY']) p
      WHERE pg_catalog.has_database_privilege('public', place, p)));
  END IF;
END
$p0$;
REVOKE ALL ON SCHEMA p0 FROM PUBLIC;
CREATE TABLE IF NOT EXISTS p0.writer ();
-- All of it belongs to who keeps it in this mode: {keeper}.
DO $p0$
DECLARE
  owned text;
BEGIN
  EXECUTE pg_catalog.format('ALTER SCHEMA p0 OWNER TO %I', {keeper_name});
  FOR owned IN
    SELECT pg_catalog.format('TABLE %s', c.oid::regclass) FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'p0'::regnamespace AND c.relkind = 'r' AND c.relowner <> {keeper_name}::regrole
    UNION ALL
    SELECT pg_catalog.format('FUNCTION %s', p.oid::regprocedure) FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'p0'::regnamespace AND p.proname <> 'verifier_is' AND p.proowner <> {keeper_name}::regrole
  LOOP
    EXECUTE pg_catalog.format('ALTER %s OWNER TO %I', owned, {keeper_name});
  END LOOP;
END
$p0$;

-- This database is entered by grant only. Logins that came in by PUBLIC's privilege lose it here: grant CONNECT to those
-- that need it.
REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {broker} WITH GRANT OPTION;
GRANT CONNECT ON DATABASE {database} TO {agent}, {reader};
-- Temporary tables that SQL makes and then uses are there, empty, when the rest of it is analysed.
GRANT TEMPORARY ON DATABASE {database} TO {reader};
