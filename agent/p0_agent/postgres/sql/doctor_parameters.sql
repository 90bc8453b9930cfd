-- Settings that the agent may not make for logins, each in words and with the SQL that lets it. From PostgreSQL 15 on.
SELECT 'the agent cannot set ' || p.name || ' for the logins that it makes' AS what,
       pg_catalog.format('GRANT SET ON PARAMETER %%I TO %%I;', p.name, %(maker)s::name) AS fix
FROM pg_catalog.unnest(%(names)s::text[]) AS p (name)
WHERE NOT pg_catalog.has_parameter_privilege(%(maker)s::name, p.name, 'SET')
ORDER BY 1
