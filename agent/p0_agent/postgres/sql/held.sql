-- Everything in the cluster that names a role in an access list, owns something by it, or depends on it otherwise:
-- one row a privilege. What is not a privilege in this database comes as kind 'other', described in words.
WITH me AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s
), here AS (
  SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), dependency AS (
  SELECT DISTINCT d.dbid, d.classid, d.objid, d.objsubid, d.deptype, me.oid AS role, here.oid AS here
  FROM me, here, pg_catalog.pg_shdepend d
  WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = me.oid
), entry AS (
  SELECT * FROM dependency WHERE deptype = 'a' AND dbid IN (0, here)
)
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END AS kind, n.nspname::text AS schema,
       c.relname::text AS object, NULL AS column, a.privilege_type AS privilege, a.is_grantable AS grantable
FROM entry e
JOIN pg_catalog.pg_class c ON e.classid = 'pg_catalog.pg_class'::regclass AND c.oid = e.objid AND e.objsubid = 0
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
WHERE a.grantee = e.role
UNION ALL
SELECT 'column', n.nspname, c.relname, t.attname, a.privilege_type, a.is_grantable
FROM entry e
JOIN pg_catalog.pg_class c ON e.classid = 'pg_catalog.pg_class'::regclass AND c.oid = e.objid AND e.objsubid <> 0
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND t.attnum = e.objsubid
CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
WHERE a.grantee = e.role
UNION ALL
SELECT 'schema', NULL, n.nspname, NULL, a.privilege_type, a.is_grantable
FROM entry e
JOIN pg_catalog.pg_namespace n ON e.classid = 'pg_catalog.pg_namespace'::regclass AND n.oid = e.objid
CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
WHERE a.grantee = e.role
UNION ALL
SELECT 'database', NULL, d.datname, NULL, a.privilege_type, a.is_grantable
FROM entry e
JOIN pg_catalog.pg_database d ON e.classid = 'pg_catalog.pg_database'::regclass AND d.oid = e.objid
CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
WHERE a.grantee = e.role
UNION ALL
SELECT 'function', n.nspname, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', NULL,
       a.privilege_type, a.is_grantable
FROM entry e
JOIN pg_catalog.pg_proc p ON e.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = e.objid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) a
WHERE a.grantee = e.role
UNION ALL
SELECT 'other', NULL,
       CASE WHEN x.dbid IN (0, x.here) THEN pg_catalog.pg_describe_object(x.classid, x.objid, x.objsubid)
            ELSE 'something in database ' || coalesce(other.datname, x.dbid::text) END,
       NULL, CASE x.deptype WHEN 'o' THEN 'OWNER' WHEN 'a' THEN 'ACL' ELSE x.deptype::text END, false
FROM dependency x
LEFT JOIN pg_catalog.pg_database other ON other.oid = x.dbid
WHERE x.deptype <> 'a' OR x.dbid NOT IN (0, x.here) OR x.classid NOT IN (
  'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_database'::regclass,
  'pg_catalog.pg_proc'::regclass)
UNION ALL
SELECT 'other', NULL, 'role ' || parent.rolname, NULL, 'MEMBER', false
FROM me
JOIN pg_catalog.pg_auth_members m ON m.member = me.oid
JOIN pg_catalog.pg_roles parent ON parent.oid = m.roleid
