-- What any login can do in this cluster, and how it may come in, each in words and with the SQL that ends it.
SELECT 'any login may connect to the database ' || d.datname AS what,
       pg_catalog.format('REVOKE CONNECT ON DATABASE %%I FROM PUBLIC;', d.datname) AS fix
FROM pg_catalog.pg_database d
WHERE d.datallowconn AND pg_catalog.has_database_privilege('public', d.oid, 'CONNECT')
UNION ALL
SELECT 'any login may make temporary tables in the database ' || d.datname,
       pg_catalog.format('REVOKE TEMPORARY ON DATABASE %%I FROM PUBLIC;', d.datname)
FROM pg_catalog.pg_database d
WHERE d.datname = ANY(%(databases)s::text[]) AND pg_catalog.has_database_privilege('public', d.oid, 'TEMPORARY')
UNION ALL
SELECT 'the server takes no TLS connections: ssl is off', 'ALTER SYSTEM SET ssl = on;'
WHERE pg_catalog.current_setting('ssl') = 'off'
UNION ALL
SELECT 'new passwords are stored as ' || pg_catalog.current_setting('password_encryption'),
       'ALTER SYSTEM SET password_encryption = ''scram-sha-256'';'
WHERE pg_catalog.current_setting('password_encryption') <> 'scram-sha-256'
UNION ALL
SELECT 'logins may prepare transactions that outlive their sessions', 'ALTER SYSTEM SET max_prepared_transactions = 0;'
WHERE pg_catalog.current_setting('max_prepared_transactions')::int > 0
ORDER BY 1
