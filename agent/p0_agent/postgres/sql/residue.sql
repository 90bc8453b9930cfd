-- What is left of roles, by name and by the OIDs they had: nothing, when all is well.
SELECT 'role ' || r.rolname FROM pg_catalog.pg_roles r WHERE r.rolname = ANY(%(names)s) OR r.oid = ANY(%(oids)s)
UNION ALL
SELECT 'membership ' || m.roleid || ' ' || m.member FROM pg_catalog.pg_auth_members m
WHERE m.roleid = ANY(%(oids)s) OR m.member = ANY(%(oids)s) OR m.grantor = ANY(%(oids)s)
UNION ALL
SELECT 'dependency in database ' || d.dbid || ' of ' || d.classid::regclass || ' ' || d.objid
FROM pg_catalog.pg_shdepend d
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = ANY(%(oids)s)
UNION ALL
SELECT 'setting of ' || s.setrole FROM pg_catalog.pg_db_role_setting s WHERE s.setrole = ANY(%(oids)s)
UNION ALL
SELECT 'comment on ' || c.objoid FROM pg_catalog.pg_shdescription c
WHERE c.classoid = 'pg_catalog.pg_authid'::regclass AND c.objoid = ANY(%(oids)s)
UNION ALL
SELECT 'session ' || a.pid FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = ANY(%(oids)s)
UNION ALL
SELECT 'prepared transaction ' || p.gid FROM pg_catalog.pg_prepared_xacts p WHERE p.owner = ANY(%(names)s)
ORDER BY 1
