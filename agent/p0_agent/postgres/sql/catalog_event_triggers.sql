-- Event triggers that fire in sessions as they are, and run more than compiled code, which only computes. One in which the
-- login itself is the event is no statement's.
SELECT e.evtname::text AS name, e.evtevent::text AS event, coalesce(e.evttags, '{}') AS tags,
       n.nspname::text AS function_schema, p.proname::text AS function_name
FROM pg_catalog.pg_event_trigger e
JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE e.evtenabled IN ('O', 'A') AND e.evtevent <> 'login' AND (p.prosecdef OR l.lanname NOT IN ('c', 'internal'))
ORDER BY 1
