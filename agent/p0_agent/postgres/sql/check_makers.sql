-- What is not as it should be with the roles that make the others, or with the functions by which the broker acts as them in this
-- database, in words; nothing, when all is well.
WITH maker AS (
  SELECT w.name, r.oid, r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreatedb OR r.rolcanlogin AS more,
         coalesce(r.rolcreaterole AND r.rolinherit, false) AS fit,
         p.oid AS function, p.proowner = r.oid AND p.prosecdef AND p.proconfig = ARRAY['search_path=pg_catalog, pg_temp']
           AND pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') = %(digest)s AS ours, p.proacl
  FROM pg_catalog.unnest(%(makers)s::text[]) AS w (name)
  LEFT JOIN pg_catalog.pg_roles r ON r.rolname = w.name
  LEFT JOIN pg_catalog.pg_proc p ON p.proname = w.name AND p.pronamespace = (
    SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'p0_makers')
)
SELECT what FROM (
  SELECT 1 AS rank, 'there is no role ' || name || ' that makes others' AS what FROM maker WHERE NOT fit
  UNION ALL
  SELECT 2, name || ' is more than a role that makes others' FROM maker WHERE more
  UNION ALL
  SELECT 3, m.name || ' is a member of ' || r.rolname FROM maker m
  JOIN pg_catalog.pg_auth_members a ON a.member = m.oid JOIN pg_catalog.pg_roles r ON r.oid = a.roleid
  WHERE r.rolname !~ %(login_pattern)s AND r.rolname !~ %(set_pattern)s
  UNION ALL
  SELECT 4, 'there is no function p0_makers.' || name FROM maker WHERE function IS NULL
  UNION ALL
  SELECT 5, 'p0_makers.' || name || ' is not what this version of p0 brings' FROM maker
  WHERE function IS NOT NULL AND NOT coalesce(ours, false)
  UNION ALL
  SELECT 6, 'not only ' || %(broker)s || ' may execute p0_makers.' || m.name FROM maker m
  WHERE m.function IS NOT NULL AND (m.proacl IS NULL OR EXISTS (
    SELECT FROM pg_catalog.aclexplode(m.proacl) a LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
    WHERE a.grantee <> m.oid AND g.rolname IS DISTINCT FROM %(broker)s::name))
  UNION ALL
  SELECT 7, %(broker)s || ' may not execute p0_makers.' || m.name FROM maker m
  WHERE m.function IS NOT NULL AND NOT pg_catalog.has_function_privilege(%(broker)s::name, m.function, 'EXECUTE')
  UNION ALL
  SELECT 8, r.rolname || ' was made by ' || b.rolname || ', and has not the maker that could end it'
  FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_auth_members a ON a.roleid = r.oid
  JOIN pg_catalog.pg_roles b ON b.oid = a.member AND (b.rolname = %(broker)s::name OR b.oid IN (SELECT oid FROM maker))
  WHERE (r.rolname ~ %(login_pattern)s OR r.rolname ~ %(set_pattern)s)
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_auth_members o JOIN maker m ON m.oid = o.member WHERE o.roleid = r.oid AND m.name = %(broker)s || '_' ||
        pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(r.rolname, 'UTF8')), 'hex'), 2))
) AS found
ORDER BY rank, what LIMIT 1
