-- Functions that run more than compiled code, and that PostgreSQL calls for statements which do not name them: of operator
-- classes, whatever sorts or compares, and its index; of what stands for an operator when it is negated or turned around;
-- of ranges.
WITH called (oid) AS (
  SELECT s.amproc::oid FROM pg_catalog.pg_amproc s WHERE s.amproc >= 16384
  UNION
  SELECT o.oprcode::oid FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr WHERE o.oprcode >= 16384
  UNION
  SELECT other.oprcode::oid FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_operator other ON other.oid IN (o.oprnegate, o.oprcom) AND other.oid <> o.oid
  WHERE other.oprcode >= 16384
  UNION
  SELECT f.oid FROM pg_catalog.pg_range r CROSS JOIN LATERAL (VALUES (r.rngcanonical::oid), (r.rngsubdiff::oid)) AS f (oid)
  WHERE f.oid >= 16384
)
SELECT n.nspname::text AS schema, p.proname::text AS name, pg_catalog.array_to_string(ARRAY(
         SELECT pg_catalog.format_type(arg.type, NULL)
         FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place), ', ') AS identity
FROM called
JOIN pg_catalog.pg_proc p ON p.oid = called.oid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE n.nspname = ANY(%(schemas)s) AND NOT p.prosecdef AND l.lanname NOT IN ('c', 'internal')
ORDER BY 1, 2, 3
