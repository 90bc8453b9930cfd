SELECT n.nspname::text AS schema, o.oprname::text AS name,
       CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END AS left,
       pg_catalog.format_type(o.oprright, NULL) AS right,
       fn.nspname::text AS function_schema, p.proname::text AS function_name
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
JOIN pg_catalog.pg_namespace fn ON fn.oid = p.pronamespace
WHERE n.nspname = ANY(%(schemas)s)
ORDER BY n.nspname, o.oprname, 3, 4
