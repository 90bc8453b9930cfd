-- Settings that the agent may not make for logins, each in words and with the SQL that lets it. From PostgreSQL 15 on.
SELECT 'the agent cannot set ' || p.name || ' for the logins that it makes' AS what,
       '-- as a superuser: the output of p0 agent bootstrap-sql' AS fix
FROM pg_catalog.unnest(%(names)s::text[]) AS p (name)
WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = ANY (%(makers)s::text[])
              AND NOT pg_catalog.has_parameter_privilege(r.oid, p.name, 'SET'))
ORDER BY 1
