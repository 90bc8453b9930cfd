-- For the end of an access, once its login is quiet: the OIDs of the login, of the set role if nobody else ({login}, the
-- makers and the agent's own roles aside) is a member of it, whether the OID that it had ({set_oid}) is still a role's, whether
-- there are no casts but PostgreSQL's own and the two are members of nothing else, and in which other databases the two have or
-- hold something, or a role that was granted by name has default privileges. (OFFSET 0 keeps PostgreSQL from calling to_regrole
-- for every row that it looks at.)
SELECT login.oid::bigint,
       CASE WHEN NOT EXISTS (
         SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = given.oid AND m.member IS DISTINCT FROM login.oid
           AND m.member <> ours.agent
           AND pg_catalog.regexp_replace(pg_catalog.pg_get_userbyid(m.member), {maker_suffix}, '') <> {broker}
       ) THEN given.oid::bigint END,
       pg_catalog.pg_describe_object('pg_catalog.pg_authid'::regclass, {set_oid}, 0) IS NOT NULL,
       NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE c.oid >= 16384)
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                         WHERE m.member IN (login.oid, given.oid) AND m.roleid IS DISTINCT FROM given.oid),
       ARRAY(SELECT d.datname::text FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
             WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN (login.oid, given.oid)
               AND d.datname <> pg_catalog.current_database()
             UNION
             SELECT d.datname::text FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
             WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.classid = 'pg_catalog.pg_default_acl'::regclass
               AND pg_catalog.pg_has_role(given.oid, s.refobjid, 'MEMBER') AND d.datname <> pg_catalog.current_database())
FROM (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident({login}))::oid OFFSET 0) AS login (oid),
     (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident({set_role}))::oid OFFSET 0) AS given (oid),
     (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident(session_user))::oid OFFSET 0) AS ours (agent)
