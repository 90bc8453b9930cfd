-- Casts that run a function which costs or does something: not one in C that anybody may call.
SELECT pg_catalog.format_type(c.castsource, NULL) AS source, pg_catalog.format_type(c.casttarget, NULL) AS target,
       CASE c.castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END AS context,
       fn.nspname::text AS function_schema, p.proname::text AS function_name,
       pg_catalog.array_to_string(ARRAY(
         SELECT pg_catalog.format_type(arg.type, NULL)
         FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place), ', ') AS identity
FROM pg_catalog.pg_cast c
JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
JOIN pg_catalog.pg_namespace fn ON fn.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_type source ON source.oid = c.castsource
JOIN pg_catalog.pg_type target ON target.oid = c.casttarget
JOIN pg_catalog.pg_namespace s ON s.oid = source.typnamespace
JOIN pg_catalog.pg_namespace t ON t.oid = target.typnamespace
WHERE c.oid >= 16384 AND (fn.nspname = ANY(%(schemas)s) OR s.nspname = ANY(%(schemas)s) OR t.nspname = ANY(%(schemas)s))
  AND (p.prosecdef OR l.lanname NOT IN ('c', 'internal')
       OR NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE'))
ORDER BY 1, 2
