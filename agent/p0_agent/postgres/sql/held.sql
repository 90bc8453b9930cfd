-- Everything in the cluster that names one of the roles in an access list, is owned by it, or depends on it otherwise, and
-- what it is a member of: one row a privilege. What is not a privilege on something in this database comes as kind 'other',
-- in words; so does what `held_rarely` tells, where that is not asked. (It is planned anew at every lease, since each GRANT
-- on a schema invalidates all plans: so pg_shdepend is there once, and OFFSET 0 keeps each list from being planned twice.)
SELECT pg_catalog.pg_get_userbyid(s.refobjid)::text AS role,
       CASE WHEN NOT s.told THEN 'other' WHEN s.type LIKE '% column' THEN 'column'
            WHEN s.type IN ('sequence', 'schema', 'database') THEN s.type ELSE 'relation' END AS kind,
       CASE WHEN s.type NOT IN ('schema', 'database') THEN s.names[1] END AS schema,
       CASE WHEN NOT s.told THEN CASE WHEN s.dbid IN (0, {here})
                                      THEN pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid)
                                      ELSE 'something in database ' || s.dbid END
            WHEN s.type IN ('schema', 'database') THEN s.names[1] ELSE s.names[2] END AS object,
       s.names[3] AS column,
       CASE WHEN s.told THEN a.privilege_type
            ELSE CASE s.deptype WHEN 'o' THEN 'OWNER' WHEN 'a' THEN 'ACL' ELSE s.deptype::text END END AS privilege,
       coalesce(a.is_grantable, false) AS grantable,
       coalesce(pg_catalog.cardinality(s.acl), 0) AS entries
FROM (
  SELECT d.dbid, d.classid, d.objid, d.objsubid, d.refobjid, d.deptype, d.told, i.type, i.names, CASE WHEN d.told THEN CASE d.classid
    WHEN 'pg_catalog.pg_class'::regclass THEN CASE d.objsubid
      WHEN 0 THEN (SELECT relacl FROM pg_catalog.pg_class WHERE oid = d.objid)
      ELSE (SELECT attacl FROM pg_catalog.pg_attribute WHERE attrelid = d.objid AND attnum = d.objsubid) END
    WHEN 'pg_catalog.pg_namespace'::regclass THEN (SELECT nspacl FROM pg_catalog.pg_namespace WHERE oid = d.objid)
    WHEN 'pg_catalog.pg_database'::regclass THEN (SELECT datacl FROM pg_catalog.pg_database WHERE oid = d.objid)
  END END AS acl
  FROM (SELECT *, deptype = 'a' AND dbid IN (0, {here}) AND classid IN (
                 'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_database'::regclass) AS told
        FROM {dependencies} AS e
        WHERE refclassid = 'pg_catalog.pg_authid'::regclass AND refobjid IN ({roles})
          AND NOT (deptype = 'a' AND dbid = {here} AND classid IN ({told_rarely}))) AS d
  LEFT JOIN LATERAL pg_catalog.pg_identify_object_as_address(d.classid, d.objid, d.objsubid) AS i (type, names, args) ON d.told
  OFFSET 0
) AS s
LEFT JOIN LATERAL pg_catalog.aclexplode(s.acl) AS a ON a.grantee = s.refobjid
WHERE NOT s.told OR a.grantee IS NOT NULL
UNION ALL
SELECT pg_catalog.pg_get_userbyid(m.member), 'role', NULL, pg_catalog.pg_get_userbyid(m.roleid), NULL, 'MEMBER',
       m.admin_option, 0
FROM pg_catalog.pg_auth_members m WHERE m.member IN ({roles})
