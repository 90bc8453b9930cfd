-- Roles that this session is or can act as, and those of the broker, those that the agent makes left out, with what
-- none of them may be. That the keeper owns things is what it is for.
SELECT r.rolname::text AS name, r.rolsuper AS superuser, r.rolbypassrls AS bypassrls, r.rolreplication AS replication,
       r.rolcreatedb AS createdb, r.rolcreaterole AS createrole,
       r.rolname ~ '^pg_' AS predefined,
       EXISTS (SELECT FROM pg_catalog.pg_shdepend d
               WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o'
       ) AND (r.rolname <> %(keeper)s OR pg_catalog.shobj_description(r.oid, 'pg_authid') IS DISTINCT FROM %(keeper_comment)s) AS owner,
       r.rolname = session_user AS session, r.rolname = current_user AS acting, r.rolname = %(broker)s AS broker
FROM pg_catalog.pg_roles r
WHERE r.rolname IN (session_user, current_user, %(broker)s)
   OR (EXISTS (SELECT FROM pg_catalog.pg_roles a WHERE a.rolname IN (session_user, current_user, %(broker)s)
               AND pg_catalog.pg_has_role(a.oid, r.oid, 'MEMBER'))
       AND r.rolname !~ %(login_pattern)s AND r.rolname !~ %(set_pattern)s)
ORDER BY 1
