-- Of the wanted permissions on functions, types and the database, those that everybody has already.
SELECT w.number
FROM unnest(%(numbers)s::int[], %(kinds)s::text[], %(schemas)s::text[], %(objects)s::text[], %(privileges)s::text[])
  AS w (number, kind, schema, object, privilege)
WHERE CASE w.kind
  WHEN 'database' THEN pg_catalog.has_database_privilege('public', pg_catalog.current_database(), w.privilege)
  WHEN 'function' THEN EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = w.schema
      AND w.object = p.proname || '(' || pg_catalog.array_to_string(ARRAY(
        SELECT pg_catalog.format_type(t.type, NULL)
        FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS t (type, place) ORDER BY t.place), ', ') || ')'
      AND pg_catalog.has_function_privilege('public', p.oid, w.privilege))
  WHEN 'type' THEN EXISTS (
    SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = w.schema AND t.typname = w.object AND pg_catalog.has_type_privilege('public', t.oid, w.privilege))
END
