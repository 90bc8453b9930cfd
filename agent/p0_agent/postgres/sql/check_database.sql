-- What a database lacks for the agent, in words, the grave ones first.
WITH schema AS (
  SELECT w.name, n.oid FROM pg_catalog.unnest(%(schemas)s::text[]) AS w (name)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
), relation AS (
  SELECT s.name || '.' || c.relname AS name, c.oid, c.relkind, c.relowner
  FROM schema s JOIN pg_catalog.pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
)
SELECT true AS grave, 'there is no schema ' || name AS what FROM schema WHERE oid IS NULL
UNION ALL
SELECT true, 'no USAGE with grant option on schema ' || name FROM schema
WHERE oid IS NOT NULL AND NOT pg_catalog.has_schema_privilege(%(broker)s, oid, 'USAGE WITH GRANT OPTION')
UNION ALL
SELECT true, 'no CONNECT with grant option on this database'
WHERE NOT pg_catalog.has_database_privilege(%(broker)s, pg_catalog.current_database(), 'CONNECT WITH GRANT OPTION')
UNION ALL
SELECT true, 'there is no table p0.writer of the agent''s'
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'p0' AND tablename = 'writer' AND tableowner = current_user)
UNION ALL
SELECT true, 'the agent owns ' || name FROM relation
WHERE relowner IN (SELECT oid FROM pg_catalog.pg_roles WHERE rolname IN (session_user, current_user, %(broker)s))
UNION ALL
SELECT false, count(*) || ' relations without SELECT with grant option, such as ' || min(name) FROM relation
WHERE relkind <> 'S' AND NOT pg_catalog.has_table_privilege(%(broker)s, oid, 'SELECT WITH GRANT OPTION')
HAVING count(*) > 0
UNION ALL
SELECT false, 'any login may connect: CONNECT is granted to PUBLIC'
WHERE pg_catalog.has_database_privilege('public', pg_catalog.current_database(), 'CONNECT')
ORDER BY 1 DESC, 2
