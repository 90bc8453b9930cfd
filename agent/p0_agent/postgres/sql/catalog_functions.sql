SELECT n.nspname::text AS schema, p.proname::text AS name,
       pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
       coalesce(pg_catalog.pg_get_function_result(p.oid), '') AS returns,
       CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window'
                      ELSE 'function' END AS kind,
       l.lanname::text AS language, p.prosecdef AS security_definer,
       pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE') AS public,
       d.description AS comment,
       ARRAY(SELECT pg_catalog.format_type(arg.type, NULL)
             FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place) AS types,
       p.pronargdefaults::int AS defaults,
       CASE WHEN p.pronargdefaults > 0 AND p.oid <> ALL(%(unreadable)s::oid[]) THEN pg_catalog.array_remove(ARRAY(
         SELECT pg_catalog.pg_get_function_arg_default(p.oid, place)
         FROM pg_catalog.generate_series(1, coalesce(pg_catalog.cardinality(p.proallargtypes), p.pronargs)) AS place
         ORDER BY place), NULL) ELSE '{}' END AS default_values,
       CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
       p.oid = ANY(%(unreadable)s::oid[]) AS unreadable,
       CASE WHEN l.lanname IN ('sql', 'plpgsql') AND p.prokind IN ('f', 'p') AND p.oid <> ALL(%(unreadable)s::oid[])
            THEN coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) END AS body,
       coalesce(p.proconfig, '{}') AS settings,
       ARRAY(
         SELECT DISTINCT ARRAY[own.nspname::text, part.proname::text, pg_catalog.array_to_string(ARRAY(
           SELECT pg_catalog.format_type(arg.type, NULL)
           FROM pg_catalog.unnest(part.proargtypes) WITH ORDINALITY AS arg (type, place) ORDER BY arg.place), ', ')]
         FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc part ON part.oid = ANY(ARRAY[
           a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
           a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[])
         JOIN pg_catalog.pg_namespace own ON own.oid = part.pronamespace
         JOIN pg_catalog.pg_language lang ON lang.oid = part.prolang
         WHERE p.prokind = 'a' AND a.aggfnoid = p.oid
           AND (part.prosecdef OR lang.lanname NOT IN ('c', 'internal'))) AS parts
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_proc'::regclass AND d.objoid = p.oid
WHERE n.nspname = ANY(%(schemas)s)
  AND (%(only)s::oid[] IS NULL OR p.oid = ANY(%(only)s::oid[]))
ORDER BY n.nspname, p.proname, 3
