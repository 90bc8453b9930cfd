-- Everything in the cluster that names one of the roles in an access list, is owned by it, or depends on it otherwise, and
-- what it is a member of: one row a privilege. What is not a privilege on something in this database comes as kind 'other',
-- in words; so does what `held_rarely` tells, where that is not asked. (It is planned anew at every lease, since each GRANT
-- on a schema invalidates all plans; so it is plain rather than short.)
SELECT pg_catalog.pg_get_userbyid(s.refobjid)::text AS role,
       CASE WHEN i.type LIKE '% column' THEN 'column' WHEN i.type IN ('sequence', 'schema', 'database') THEN i.type
            ELSE 'relation' END AS kind,
       CASE WHEN i.type NOT IN ('schema', 'database') THEN i.names[1] END AS schema,
       CASE WHEN i.type NOT IN ('schema', 'database') THEN i.names[2] ELSE i.names[1] END AS object,
       i.names[3] AS column,
       a.privilege_type AS privilege, a.is_grantable AS grantable, pg_catalog.cardinality(l.acl) AS entries
FROM pg_catalog.pg_shdepend s,
     pg_catalog.pg_identify_object_as_address(s.classid, s.objid, s.objsubid) AS i (type, names, args),
     LATERAL (SELECT CASE s.classid
       WHEN 'pg_catalog.pg_class'::regclass THEN CASE s.objsubid
         WHEN 0 THEN (SELECT relacl FROM pg_catalog.pg_class WHERE oid = s.objid)
         ELSE (SELECT attacl FROM pg_catalog.pg_attribute WHERE attrelid = s.objid AND attnum = s.objsubid) END
       WHEN 'pg_catalog.pg_namespace'::regclass THEN (SELECT nspacl FROM pg_catalog.pg_namespace WHERE oid = s.objid)
       WHEN 'pg_catalog.pg_database'::regclass THEN (SELECT datacl FROM pg_catalog.pg_database WHERE oid = s.objid)
     END) AS l (acl),
     pg_catalog.aclexplode(l.acl) AS a
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN ({roles}) AND a.grantee = s.refobjid
  AND s.deptype = 'a'
  AND s.dbid IN (0, {here})
UNION ALL
SELECT pg_catalog.pg_get_userbyid(s.refobjid), 'other', NULL,
       CASE WHEN s.dbid IN (0, {here})
            THEN pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid)
            ELSE 'something in database ' || s.dbid END,
       NULL, CASE s.deptype WHEN 'o' THEN 'OWNER' WHEN 'a' THEN 'ACL' ELSE s.deptype::text END, false, 0
FROM pg_catalog.pg_shdepend s
WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN ({roles}) AND NOT (
  s.deptype = 'a'
  AND s.dbid IN (0, {here})
  AND s.classid IN ({told}))
UNION ALL
SELECT pg_catalog.pg_get_userbyid(m.member), 'role', NULL, pg_catalog.pg_get_userbyid(m.roleid), NULL, 'MEMBER',
       m.admin_option, 0
FROM pg_catalog.pg_auth_members m WHERE m.member IN ({roles})
