-- Row types of relations and array types are left out: they follow from what they belong to.
SELECT t.typrelid::bigint AS relation, n.nspname::text AS schema, t.typname::text AS name,
       CASE t.typtype WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range'
                      WHEN 'm' THEN 'multirange' ELSE 'base' END AS kind,
       CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END AS base,
       CASE WHEN t.typtype IN ('r', 'm') THEN (
         SELECT pg_catalog.format_type(g.rngsubtype, NULL) FROM pg_catalog.pg_range g
         WHERE t.oid IN (g.rngtypid, g.rngmultitypid)) END AS subtype,
       t.oid = ANY(%(unreadable)s::oid[]) AS unreadable,
       CASE WHEN t.typtype = 'd' AND t.oid <> ALL(%(unreadable)s::oid[])
            THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0) END AS default,
       ARRAY(SELECT pg_catalog.pg_get_expr(k.conbin, 0) FROM pg_catalog.pg_constraint k
             WHERE k.contypid = t.oid AND k.contype = 'c' AND t.oid <> ALL(%(unreadable)s::oid[])
             ORDER BY k.conname) AS checks,
       pg_catalog.has_type_privilege('public', t.oid, 'USAGE') AS public,
       d.description AS comment
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_type'::regclass AND d.objoid = t.oid
WHERE n.nspname = ANY(%(schemas)s) AND coalesce(c.relkind, 'c') = 'c'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type element WHERE element.typarray = t.oid)
  AND (%(only)s::oid[] IS NULL OR t.oid = ANY(%(only)s::oid[]))
ORDER BY n.nspname, t.typname
