-- What indexes compute and which rows they hold, and what tells partitions: run by whoever writes to the table.
SELECT i.indrelid::bigint AS relation, e.expression
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (VALUES (pg_catalog.pg_get_expr(i.indexprs, i.indrelid)),
                           (pg_catalog.pg_get_expr(i.indpred, i.indrelid))) AS e (expression)
WHERE n.nspname = ANY(%(schemas)s) AND e.expression IS NOT NULL
  AND c.oid <> ALL(%(unreadable)s::oid[]) AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
UNION ALL
SELECT p.partrelid::bigint, pg_catalog.pg_get_expr(p.partexprs, p.partrelid)
FROM pg_catalog.pg_partitioned_table p
JOIN pg_catalog.pg_class c ON c.oid = p.partrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND p.partexprs IS NOT NULL
  AND c.oid <> ALL(%(unreadable)s::oid[]) AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
ORDER BY 1, 2
