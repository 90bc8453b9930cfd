
-- How {broker} acts as the makers, and nobody else does. Two agents in one database share the schema, and none of the functions.
CREATE SCHEMA IF NOT EXISTS p0_makers;
REVOKE ALL ON SCHEMA p0_makers FROM PUBLIC;
GRANT USAGE ON SCHEMA p0_makers TO {broker};
DO $p0$
DECLARE
  maker text;
  made text[] := '{{}}';
BEGIN
  FOR maker IN
    SELECT {broker_name} || '_' || pg_catalog.lpad(pg_catalog.to_hex(n), 2, '0') FROM pg_catalog.generate_series(0, {makers} - 1) n
  LOOP
    EXECUTE pg_catalog.format('CREATE OR REPLACE FUNCTION p0_makers.%I(statements text) RETURNS void LANGUAGE plpgsql STRICT'
      ' SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', maker, {maker_body});
    made := made || pg_catalog.format('p0_makers.%I(text)', maker);
  END LOOP;
  EXECUTE 'REVOKE ALL ON FUNCTION ' || pg_catalog.array_to_string(made, ', ') || ' FROM PUBLIC';
  EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', pg_catalog.array_to_string(made, ', '), {broker_name});
  FOR maker IN
    SELECT p.proname FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'p0_makers'::regnamespace AND p.oid::regprocedure = ANY (made::regprocedure[])
      AND p.proowner <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = p.proname)
  LOOP
    EXECUTE pg_catalog.format('GRANT CREATE ON SCHEMA p0_makers TO %I', maker);
    EXECUTE pg_catalog.format('ALTER FUNCTION p0_makers.%1$I(text) OWNER TO %1$I', maker);
    EXECUTE pg_catalog.format('REVOKE CREATE ON SCHEMA p0_makers FROM %I', maker);
  END LOOP;
END
$p0$;
