-- What keeps a login from being undone: its OID, whether there is the set role, whether it may still log in or inherit, its
-- sessions (by the role that authenticated: SET ROLE does not hide one), backends that are past authentication (they have
-- the lock on their database that they start with) and have not said yet whose they are, whether it has prepared
-- transactions, and how much it and the set role own in all databases. (OFFSET 0 keeps PostgreSQL from calling to_regrole
-- for every row that it looks at.)
SELECT login.oid::bigint, given.oid IS NOT NULL,
       coalesce((SELECT r.rolcanlogin FROM pg_catalog.pg_roles r WHERE r.oid = login.oid), false)
         OR coalesce(pg_catalog.pg_has_role(login.oid, given.oid, 'USAGE'), false),
       ARRAY(SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.usesysid = login.oid),
       ARRAY(SELECT l.pid FROM pg_catalog.pg_lock_status() l
             WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::regclass AND l.pid <> ALL (ARRAY(
               SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.usesysid IS NOT NULL))),
       EXISTS (SELECT FROM pg_catalog.pg_prepared_xact() p WHERE p.ownerid = login.oid),
       (SELECT count(*) FROM pg_catalog.pg_shdepend s
        WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid IN (login.oid, given.oid) AND s.deptype = 'o')
FROM (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident({login}))::oid OFFSET 0) AS login (oid),
     (SELECT pg_catalog.to_regrole(pg_catalog.quote_ident({set_role}))::oid OFFSET 0) AS given (oid)
