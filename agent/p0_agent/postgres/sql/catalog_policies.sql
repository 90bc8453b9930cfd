SELECT y.polrelid::bigint AS relation, y.polname::text AS name,
       CASE y.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete'
                     ELSE 'all' END AS command,
       0 = ANY(y.polroles) AS public,
       ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = ANY(y.polroles) ORDER BY 1) AS roles,
       pg_catalog.pg_get_expr(y.polqual, y.polrelid) AS using,
       pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid) AS check,
       y.polpermissive AS permissive
FROM pg_catalog.pg_policy y
JOIN pg_catalog.pg_class c ON c.oid = y.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s)
  AND c.oid <> ALL(%(unreadable)s::oid[]) AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
ORDER BY y.polrelid, y.polname
