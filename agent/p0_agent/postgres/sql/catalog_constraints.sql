SELECT k.conrelid::bigint AS relation, k.conname::text AS name,
       CASE k.contype WHEN 'p' THEN 'primary' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign' WHEN 'c' THEN 'check'
                      ELSE 'exclude' END AS kind,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS key (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.number
             ORDER BY key.place) AS columns,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND k.contype IN ('p', 'u', 'f', 'c', 'x')
  AND c.oid <> ALL(%(unreadable)s::oid[]) AND (%(only)s::oid[] IS NULL OR c.oid = ANY(%(only)s::oid[]))
ORDER BY k.conrelid, k.conname
