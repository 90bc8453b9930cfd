-- What the agent's own set-up leaves undone in its home database, each in words and with the SQL that does it. `reader` is
-- the other login.
SELECT 'whether a login changed its own password cannot be seen: there is no function p0.verifier_is' AS what,
       '-- as a superuser: the output of p0 agent bootstrap-sql' AS fix
WHERE pg_catalog.to_regprocedure('p0.verifier_is(text, bytea)') IS NULL
UNION ALL
SELECT 'other people''s SQL may reach the server''s log: log_min_messages of ' || r.rolname || ' is not panic',
       pg_catalog.format('ALTER ROLE %%I SET log_min_messages = panic;', r.rolname)
FROM pg_catalog.pg_roles r
WHERE r.rolname = %(reader)s::name AND NOT coalesce(r.rolconfig @> ARRAY['log_min_messages=panic'], false)
UNION ALL
SELECT 'whoever has the agent''s login can make roles and grant all that is managed: it acts as ' || %(broker)s::name,
       '-- mode = "hardened" in [cluster], and the output of p0 agent bootstrap-sql --hardened'
WHERE %(broker)s::name = current_user
UNION ALL
SELECT 'prepared transactions of a login are undone by logging in as it: pg_hba.conf must let the agent''s host in as any p0_ login',
       'ALTER SYSTEM SET max_prepared_transactions = 0;'
WHERE %(broker)s::name <> current_user AND pg_catalog.current_setting('max_prepared_transactions')::int > 0
ORDER BY 1
