-- Where everybody may make objects that last, in words of SQL.
SELECT pg_catalog.format('SCHEMA %%I', n.nspname) FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_(toast|temp)' AND pg_catalog.has_schema_privilege('public', n.oid, 'CREATE')
UNION ALL
SELECT pg_catalog.format('DATABASE %%I', pg_catalog.current_database())
WHERE pg_catalog.has_database_privilege('public', pg_catalog.current_database(), 'CREATE')
ORDER BY 1
