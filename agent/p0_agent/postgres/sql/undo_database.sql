-- Takes the agent's set-up out of this database. PUBLIC gets back what the comment on the schema p0 says.
DO $p0$
DECLARE
  had CONSTANT text := coalesce(pg_catalog.obj_description(pg_catalog.to_regnamespace('p0')::oid, 'pg_namespace'), '');
  ours text;
  makers CONSTANT text[] := ARRAY(SELECT {broker_name} || '_' || pg_catalog.lpad(pg_catalog.to_hex(n), 2, '0')
                                  FROM pg_catalog.generate_series(0, {makers} - 1) n);
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_auth_members m ON m.roleid = r.oid
             JOIN pg_catalog.pg_roles b ON b.oid = m.member
             WHERE b.rolname = ANY (makers || {broker_name}::text) AND (r.rolname ~ {login_pattern} OR r.rolname ~ {set_pattern})) THEN
    RAISE EXCEPTION 'there are accesses: end them, and stop the agent';
  END IF;
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    FOR ours IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY (ARRAY[{broker_name}, {agent_name}, {reader_name}] || makers) LOOP
      EXECUTE pg_catalog.format('GRANT %I TO %I', ours, current_user);
    END LOOP;
  END IF;
  DROP SCHEMA IF EXISTS p0_guard, p0, p0_evidence CASCADE;
  FOR ours IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
              WHERE n.nspname = 'p0_makers' AND p.proname = ANY (makers) LOOP
    EXECUTE 'DROP FUNCTION ' || ours;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                 WHERE n.nspname = 'p0_makers') THEN
    DROP SCHEMA IF EXISTS p0_makers;
  END IF;
  SELECT pg_catalog.string_agg(pg_catalog.quote_ident(rolname), ', ') INTO ours
  FROM pg_catalog.pg_roles WHERE rolname = ANY (ARRAY[{broker_name}, {agent_name}, {reader_name}] || makers);
  IF ours IS NOT NULL THEN
    EXECUTE 'DROP OWNED BY ' || ours;
  END IF;
  FOR ours IN SELECT pg_catalog.unnest(ARRAY['CONNECT', 'TEMPORARY']) LOOP
    IF pg_catalog.strpos(had, 'PUBLIC had here: ') > 0 AND pg_catalog.strpos(had, ours) > 0 THEN
      EXECUTE pg_catalog.format('GRANT %s ON DATABASE %I TO PUBLIC', ours, pg_catalog.current_database());
    END IF;
  END LOOP;
END
$p0$;
