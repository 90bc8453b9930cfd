-- What the OIDs of a tree stand for, as one JSON document. An OID that is gone is missing in it.
WITH relation AS (
  SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relrowsecurity AS row_security,
         n.nspname IN ('pg_catalog', 'information_schema') AS system
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = ANY(%(relations)s::bigint[]::oid[])
), operator AS (
  SELECT o.oid, o.oprcode::oid AS function FROM pg_catalog.pg_operator o
  WHERE o.oid = ANY(%(operators)s::bigint[]::oid[])
), function AS (
  SELECT p.oid, n.nspname AS schema, p.proname AS name, l.lanname AS language, p.prosecdef AS security_definer,
         -- PostgreSQL's own, or an extension's that is no SQL: not what somebody wrote and put there
         n.nspname IN ('pg_catalog', 'information_schema')
           AND (p.oid < 16384 OR l.lanname IN ('c', 'internal')) AS system,
         pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE') AS public,
         pg_catalog.array_to_string(ARRAY(
           SELECT pg_catalog.format_type(arg.type, NULL)
           FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place), ', ') AS types
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE p.oid = ANY(%(functions)s::bigint[]::oid[])
     OR p.oid IN (SELECT function FROM operator)
)
SELECT pg_catalog.json_build_object(
  'relations', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'oid', r.oid::bigint, 'schema', r.schema, 'name', r.name, 'kind', r.kind, 'system', r.system,
      'row_security', r.row_security,
      'columns', ARRAY(
        SELECT pg_catalog.json_build_object(
          'number', a.attnum, 'name', a.attname,
          'public', r.system AND pg_catalog.has_column_privilege('public', r.oid, a.attnum, 'SELECT'))
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)))
    FROM relation r),
  'functions', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'oid', f.oid::bigint, 'schema', f.schema, 'name', f.name, 'types', f.types, 'language', f.language,
      'public', f.public, 'system', f.system, 'security_definer', f.security_definer))
    FROM function f),
  'types', (
    SELECT pg_catalog.json_object_agg(t.oid, n.nspname)
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.oid = ANY(%(types)s::bigint[]::oid[])),
  'operators', (SELECT pg_catalog.json_object_agg(o.oid, o.function::bigint) FROM operator o))::text
