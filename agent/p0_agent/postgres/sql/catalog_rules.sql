-- Enabled rules for writing, as PostgreSQL prints them.
SELECT r.ev_class::bigint AS relation, pg_catalog.pg_get_ruledef(r.oid) AS definition
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND r.ev_type <> '1' AND r.ev_enabled IN ('O', 'A')
  AND c.oid <> ALL(%(unreadable)s::oid[]) AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
ORDER BY r.ev_class, r.rulename
