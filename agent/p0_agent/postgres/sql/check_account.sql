-- Roles that this session is or can act as, those that the agent makes left out, with what none of them may be.
SELECT r.rolname::text AS name, r.rolsuper AS superuser, r.rolbypassrls AS bypassrls, r.rolreplication AS replication,
       r.rolcreatedb AS createdb, r.rolcreaterole AS createrole,
       r.rolname ~ '^pg_' AS predefined,
       EXISTS (SELECT FROM pg_catalog.pg_shdepend d
               WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o'
       ) AS owner,
       r.rolname = session_user AS session, r.rolname = current_user AS acting
FROM pg_catalog.pg_roles r
WHERE r.rolname IN (session_user, current_user)
   OR ((pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') OR pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER'))
       AND r.rolname !~ %(login_pattern)s AND r.rolname !~ %(set_pattern)s)
ORDER BY 1
