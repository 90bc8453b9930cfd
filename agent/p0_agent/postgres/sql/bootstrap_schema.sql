
GRANT USAGE ON SCHEMA {schema} TO {broker} WITH GRANT OPTION;
GRANT USAGE ON SCHEMA {schema} TO {reader};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {broker} WITH GRANT OPTION;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {broker} WITH GRANT OPTION;
-- And for what will be made here, by everybody who has made something here so far.
SET p0.schema = {schema_name};
SET p0.broker = {broker_name};
DO $p0$
DECLARE
  place CONSTANT text := pg_catalog.current_setting('p0.schema');
  broker CONSTANT text := pg_catalog.current_setting('p0.broker');
  maker text;
BEGIN
  FOR maker IN
    SELECT DISTINCT pg_catalog.pg_get_userbyid(owner)
    FROM pg_catalog.pg_namespace n
    CROSS JOIN LATERAL (
      SELECT n.nspowner UNION SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid
    ) AS owners (owner)
    WHERE n.nspname = place
  LOOP
    EXECUTE pg_catalog.format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I WITH GRANT OPTION',
      maker, place, broker);
    EXECUTE pg_catalog.format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO %I WITH GRANT OPTION',
      maker, place, broker);
  END LOOP;
END
$p0$;
