-- Everything in the cluster that names a role in an access list, is owned by it, or depends on it otherwise, and what it is
-- a member of: one row a privilege. What is not a privilege on something in this database comes as kind 'other', in words.
-- (Sub-queries rather than joins: this is planned anew at every lease, since each GRANT invalidates the plan.)
WITH me AS (
  SELECT r.oid, d.oid AS here FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
  WHERE r.rolname = %(role)s AND d.datname = pg_catalog.current_database()
), dependency AS (
  SELECT DISTINCT s.dbid, s.classid, s.objid, s.objsubid, s.deptype, me.oid AS role, me.here
  FROM me JOIN pg_catalog.pg_shdepend s
    ON s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = me.oid
), entry AS (
  SELECT x.*, i.type, i.names, CASE x.classid
    WHEN 'pg_catalog.pg_class'::regclass THEN
      CASE x.objsubid WHEN 0 THEN (SELECT relacl FROM pg_catalog.pg_class WHERE oid = x.objid)
                      ELSE (SELECT attacl FROM pg_catalog.pg_attribute
                            WHERE attrelid = x.objid AND attnum = x.objsubid) END
    WHEN 'pg_catalog.pg_namespace'::regclass THEN (SELECT nspacl FROM pg_catalog.pg_namespace WHERE oid = x.objid)
    WHEN 'pg_catalog.pg_database'::regclass THEN (SELECT datacl FROM pg_catalog.pg_database WHERE oid = x.objid)
  END AS acl
  FROM dependency x, pg_catalog.pg_identify_object_as_address(x.classid, x.objid, x.objsubid) AS i (type, names, args)
  WHERE x.deptype = 'a' AND x.dbid IN (0, x.here)
)
SELECT CASE WHEN e.type LIKE '%% column' THEN 'column' WHEN e.type IN ('sequence', 'schema', 'database') THEN e.type
            ELSE 'relation' END AS kind,
       CASE WHEN e.type NOT IN ('schema', 'database') THEN e.names[1] END AS schema,
       CASE WHEN e.type NOT IN ('schema', 'database') THEN e.names[2] ELSE e.names[1] END AS object,
       e.names[3] AS column,
       a.privilege_type AS privilege, a.is_grantable AS grantable
FROM entry e CROSS JOIN LATERAL pg_catalog.aclexplode(e.acl) a
WHERE a.grantee = e.role
UNION ALL
SELECT 'other', NULL,
       CASE WHEN x.dbid IN (0, x.here) THEN pg_catalog.pg_describe_object(x.classid, x.objid, x.objsubid)
            ELSE 'something in database ' || x.dbid END,
       NULL, CASE x.deptype WHEN 'o' THEN 'OWNER' WHEN 'a' THEN 'ACL' ELSE x.deptype::text END, false
FROM dependency x
WHERE x.deptype <> 'a' OR x.dbid NOT IN (0, x.here) OR x.classid NOT IN (
  'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_database'::regclass)
UNION ALL
SELECT 'other', NULL, 'role ' || pg_catalog.pg_get_userbyid(m.roleid), NULL, 'MEMBER', false
FROM me JOIN pg_catalog.pg_auth_members m ON m.member = me.oid
