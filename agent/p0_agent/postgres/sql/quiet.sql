-- What keeps a login from being undone: its OID, whether there is the set role, whether it may still log in or inherit, its
-- sessions (by the role that authenticated: SET ROLE does not hide one), backends that are past authentication (they have
-- the lock on their database that they start with) and have not said yet whose they are, whether it has prepared
-- transactions, and in which databases it, or the set role (which a login can be before PostgreSQL 16), owns more than should be
-- dropped in one.
SELECT login.oid::bigint, given.oid IS NOT NULL,
       coalesce((SELECT r.rolcanlogin FROM pg_catalog.pg_roles r WHERE r.rolname = {login}), false)
         OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = given.oid AND m.member = login.oid),
       ARRAY(SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.usesysid = login.oid),
       ARRAY(SELECT l.pid FROM pg_catalog.pg_lock_status() l
             WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::regclass AND l.pid <> ALL (ARRAY(
               SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.usesysid IS NOT NULL))),
       EXISTS (SELECT FROM pg_catalog.pg_prepared_xact() p WHERE p.ownerid = login.oid),
       ARRAY(SELECT ARRAY[pg_catalog.pg_get_userbyid(s.refobjid)::text, d.datname::text]
             FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
             WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.deptype = 'o' AND s.refobjid IN (login.oid,
               CASE WHEN pg_catalog.current_setting('server_version_num')::int < 160000 THEN given.oid END)
             GROUP BY s.refobjid, d.datname
             HAVING count(*) FILTER (WHERE s.classid = 'pg_catalog.pg_largeobject'::regclass) > {unlinked}
               OR count(*) FILTER (WHERE s.classid <> 'pg_catalog.pg_largeobject'::regclass) > {dropped})
FROM (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident({login}))::oid) AS login (oid),
     (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident({set_role}))::oid) AS given (oid)
