
GRANT USAGE ON SCHEMA {schema} TO {broker} WITH GRANT OPTION;
GRANT USAGE ON SCHEMA {schema} TO {reader};
-- What is here, and what will be made here by everybody who has made something here so far. What only its owner can grant is
-- left out with a warning.
SET p0.schema = {schema_name};
DO $p0$
DECLARE
  place CONSTANT text := pg_catalog.current_setting('p0.schema');
  noun text;
  privileges text;
  one text;
  maker text;
BEGIN
  FOR noun, privileges IN VALUES ('TABLE', 'SELECT, INSERT, UPDATE, DELETE'), ('SEQUENCE', 'USAGE, SELECT, UPDATE') LOOP
    BEGIN
      EXECUTE pg_catalog.format('GRANT %s ON ALL %sS IN SCHEMA %I TO %I WITH GRANT OPTION', privileges, noun, place, {broker_name});
    EXCEPTION WHEN insufficient_privilege THEN
      FOR one IN
        SELECT c.oid::regclass FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = place AND (c.relkind = 'S') = (noun = 'SEQUENCE') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      LOOP
        BEGIN
          EXECUTE pg_catalog.format('GRANT %s ON %s %s TO %I WITH GRANT OPTION', privileges, noun, one, {broker_name});
        EXCEPTION WHEN insufficient_privilege THEN
          RAISE WARNING 'only its owner can grant: %', one;
        END;
      END LOOP;
    END;
    FOR maker IN
      SELECT DISTINCT pg_catalog.pg_get_userbyid(owner)
      FROM pg_catalog.pg_namespace n
      CROSS JOIN LATERAL (
        SELECT n.nspowner UNION SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid
      ) AS owners (owner)
      WHERE n.nspname = place
    LOOP
      BEGIN
        EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %sS TO %I WITH GRANT OPTION',
          maker, place, privileges, noun, {broker_name});
      EXCEPTION WHEN insufficient_privilege THEN
        RAISE WARNING 'only % can grant what it will make in %', maker, place;
      END;
    END LOOP;
  END LOOP;
END
$p0$;
-- What PUBLIC may not execute, or use in a table: as far as it runs with its caller's rights. EXECUTE on what runs with its
-- owner's is for the owner to give, one by one; `p0 agent doctor` names it.
DO $p0$
DECLARE
  place CONSTANT text := pg_catalog.current_setting('p0.schema');
  privilege text;
  one text;
BEGIN
  FOR privilege, one IN
    SELECT 'EXECUTE', 'ROUTINE ' || p.oid::regprocedure
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = place AND NOT p.prosecdef AND NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
    UNION ALL
    SELECT 'USAGE', pg_catalog.format('TYPE %I.%I', n.nspname, t.typname)
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = place AND NOT pg_catalog.has_type_privilege('public', t.oid, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid) AND t.typtype <> 'm'
  LOOP
    BEGIN
      EXECUTE pg_catalog.format('GRANT %s ON %s TO %I WITH GRANT OPTION', privilege, one, {broker_name});
      IF privilege = 'USAGE' THEN -- of temporary tables that SQL makes and uses, which are there when it is analysed
        EXECUTE pg_catalog.format('GRANT %s ON %s TO %I', privilege, one, {reader_name});
      END IF;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'only its owner can grant: %', one;
    END;
  END LOOP;
END
$p0$;
