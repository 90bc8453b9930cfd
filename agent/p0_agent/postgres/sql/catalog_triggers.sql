-- Enabled triggers that somebody made. tgtype's bits: 2 before, 4 insert, 8 delete, 16 update, 32 truncate, 64 instead of. The
-- condition is printed only as part of the whole definition.
SELECT t.tgrelid::bigint AS relation, t.tgname::text AS name,
       pg_catalog.array_remove(ARRAY[
         CASE WHEN t.tgtype & 4 <> 0 THEN 'insert' END, CASE WHEN t.tgtype & 16 <> 0 THEN 'update' END,
         CASE WHEN t.tgtype & 8 <> 0 THEN 'delete' END, CASE WHEN t.tgtype & 32 <> 0 THEN 'truncate' END], NULL) AS events,
       fn.nspname::text AS function_schema, p.proname::text AS function_name,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(t.tgattr) AS key (number)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = key.number
             ORDER BY a.attnum) AS columns,
       CASE WHEN t.tgqual IS NOT NULL THEN
         substring(pg_catalog.pg_get_triggerdef(t.oid) FROM ' WHEN (\(.*\)) EXECUTE FUNCTION ') END AS when,
       t.tgtype & 2 <> 0 AS before, t.tgtype & 64 <> 0 AS instead, t.tgoldtable::text AS old_table, t.tgnewtable::text AS new_table
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace fn ON fn.oid = p.pronamespace
WHERE n.nspname = ANY(%(schemas)s) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
  AND c.oid <> ALL(%(unreadable)s::oid[]) AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
ORDER BY t.tgrelid, t.tgname
