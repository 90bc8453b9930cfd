-- What keeps the hardened mode from being one in this database, in words; nothing, when all is well. The agent is the current
-- user. What logins of the agent's own making own, and may grant to whom they like, gives it nothing that is worth having, and
-- must not keep it from ending them.
WITH function AS (
  SELECT p.oid, p.oid::regprocedure::text AS name, p.prosecdef, pg_catalog.pg_get_userbyid(p.proowner) AS owner, p.proconfig,
         p.proname, pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') AS digest
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'p0_guard'
), wanted AS (
  SELECT 'p0_guard.' || pg_catalog.unnest(%(functions)s::text[]) AS name
), body AS (
  SELECT pg_catalog.unnest(%(names)s::text[]) AS name, pg_catalog.unnest(%(digests)s::text[]) AS digest
), made AS (
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname ~ %(login_pattern)s OR r.rolname ~ %(set_pattern)s
)
SELECT what FROM (
  SELECT 1, 'there is no function ' || w.name AS what FROM wanted w WHERE w.name NOT IN (
    SELECT pg_catalog.replace(f.name, '"', '') FROM function f)
  UNION ALL
  SELECT 1, 'there is no function p0_guard.' || b.name FROM body b WHERE b.name NOT IN (SELECT f.proname FROM function f)
  UNION ALL
  SELECT 2, f.name || ' belongs to ' || f.owner FROM function f WHERE f.owner <> %(broker)s
  UNION ALL
  SELECT 3, 'the search path of ' || f.name || ' is not pinned' FROM function f
  WHERE NOT coalesce(f.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
  UNION ALL
  SELECT 4, 'PUBLIC may execute ' || f.name FROM function f WHERE pg_catalog.has_function_privilege('public', f.oid, 'EXECUTE')
  UNION ALL
  SELECT 5, 'the agent may execute ' || f.name FROM function f
  WHERE pg_catalog.has_function_privilege(current_user, f.oid, 'EXECUTE')
    AND pg_catalog.replace(f.name, '"', '') NOT IN (SELECT name FROM wanted)
  UNION ALL
  SELECT 6, 'the agent may not execute ' || f.name FROM function f
  WHERE NOT pg_catalog.has_function_privilege(current_user, f.oid, 'EXECUTE')
    AND pg_catalog.replace(f.name, '"', '') IN (SELECT name FROM wanted)
  UNION ALL
  SELECT 7, f.name || ' is not what this version of p0 brings' FROM function f JOIN body b ON b.name = f.proname
  WHERE b.digest <> f.digest
  UNION ALL
  SELECT 8, 'the agent may create objects in the schema ' || n.nspname FROM pg_catalog.pg_namespace n
  WHERE n.nspname <> 'p0' AND n.nspname !~ '^pg_' AND pg_catalog.has_schema_privilege(current_user, n.oid, 'CREATE')
    AND NOT pg_catalog.has_schema_privilege('public', n.oid, 'CREATE') AND n.nspowner NOT IN (SELECT oid FROM made)
  UNION ALL
  SELECT 9, 'the agent has privileges on ' || n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
  WHERE r.rolname = current_user AND n.nspname NOT IN ('p0', 'p0_evidence') AND n.nspname !~ '^pg_toast'
    AND c.relowner NOT IN (SELECT oid FROM made)
  UNION ALL
  SELECT 10, 'the agent owns ' || n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
  WHERE r.rolname = current_user AND n.nspname <> 'p0' AND n.nspname !~ '^pg_'
) AS found (rank, what)
ORDER BY rank, what LIMIT 1
