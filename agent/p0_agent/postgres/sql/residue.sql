-- What is left of an access, by the login's name and by the OIDs that its roles had: nothing, when all is well. A set role
-- that is still there, or is there again, is in use by others.
WITH gone AS (
  SELECT pg_catalog.unnest(%(logins)s::bigint[])::oid AS oid
  UNION
  SELECT s.oid::oid FROM pg_catalog.unnest(%(sets)s::bigint[]) AS s (oid)
  WHERE s.oid::oid NOT IN (SELECT oid FROM pg_catalog.pg_roles)
)
SELECT 'role ' || r.rolname FROM pg_catalog.pg_roles r
WHERE r.rolname = %(login)s OR r.oid IN (SELECT oid FROM gone)
UNION ALL
SELECT 'membership ' || m.roleid || ' ' || m.member FROM pg_catalog.pg_auth_members m
WHERE m.roleid IN (SELECT oid FROM gone) OR m.member IN (SELECT oid FROM gone) OR m.grantor IN (SELECT oid FROM gone)
UNION ALL
SELECT 'dependency in database ' || d.dbid || ' of ' || d.classid::regclass || ' ' || d.objid
FROM pg_catalog.pg_shdepend d
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid IN (SELECT oid FROM gone)
UNION ALL
SELECT 'setting of ' || s.setrole FROM pg_catalog.pg_db_role_setting s WHERE s.setrole IN (SELECT oid FROM gone)
UNION ALL
SELECT 'comment on ' || c.objoid FROM pg_catalog.pg_shdescription c
WHERE c.classoid = 'pg_catalog.pg_authid'::regclass AND c.objoid IN (SELECT oid FROM gone)
UNION ALL
SELECT 'session ' || a.pid FROM pg_catalog.pg_stat_activity a WHERE a.usesysid IN (SELECT oid FROM gone)
UNION ALL
SELECT 'prepared transaction ' || p.gid FROM pg_catalog.pg_prepared_xacts p
WHERE p.owner = %(login)s
ORDER BY 1
