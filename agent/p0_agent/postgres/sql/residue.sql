-- What is left of an access: {login} by name, {gone} by the OIDs that its roles had (at least one); nothing, when all is
-- well. (Functions rather than views, and no joins: this is planned anew at every end.)
SELECT 'role ' || {login} WHERE pg_catalog.to_regrole(pg_catalog.quote_ident({login})) IS NOT NULL
UNION ALL
SELECT 'role ' || pg_catalog.pg_get_userbyid(oid) FROM pg_catalog.unnest(ARRAY[{gone}]::oid[]) AS oid
WHERE pg_catalog.pg_describe_object('pg_catalog.pg_authid'::regclass, oid, 0) IS NOT NULL
UNION ALL
SELECT 'membership ' || m.roleid || ' ' || m.member FROM pg_catalog.pg_auth_members m
WHERE m.roleid IN ({gone}) OR m.member IN ({gone}) OR m.grantor IN ({gone})
UNION ALL
SELECT 'dependency in database ' || d.dbid || ' of ' || d.classid::regclass || ' ' || d.objid
FROM pg_catalog.pg_shdepend d WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid IN ({gone})
UNION ALL
SELECT 'setting of ' || s.setrole FROM pg_catalog.pg_db_role_setting s WHERE s.setrole IN ({gone})
UNION ALL
SELECT 'comment on ' || c.objoid FROM pg_catalog.pg_shdescription c
WHERE c.classoid = 'pg_catalog.pg_authid'::regclass AND c.objoid IN ({gone})
UNION ALL
SELECT 'session ' || a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.usesysid IN ({gone})
UNION ALL
SELECT 'prepared transaction ' || p.gid FROM pg_catalog.pg_prepared_xact() p WHERE p.ownerid IN ({gone})
