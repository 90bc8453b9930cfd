-- The role that is asked for, and all whose privileges it has: what none of them may be. `maker` is who would grant it.
WITH RECURSIVE reach AS (
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = %(role)s
  UNION
  SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reach x ON m.member = x.oid
), maker AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(maker)s
)
SELECT r.rolname::text AS name, r.rolname = %(role)s AS asked,
       r.rolsuper AS superuser, r.rolcreaterole AS createrole, r.rolcreatedb AS createdb, r.rolreplication AS replication,
       r.rolbypassrls AS bypassrls, r.rolname ~ '^pg_' AS predefined,
       EXISTS (SELECT FROM pg_catalog.pg_shdepend d
               WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o') AS owner,
       r.rolname ~ %(login_pattern)s OR r.rolname ~ %(set_pattern)s OR r.rolname IN (%(maker)s, %(agent)s, %(reader)s) AS ours,
       EXISTS (SELECT FROM maker WHERE pg_catalog.pg_has_role(maker.oid, r.oid, 'MEMBER WITH ADMIN OPTION')) AS grantable
FROM reach x JOIN pg_catalog.pg_roles r ON r.oid = x.oid
ORDER BY r.rolname <> %(role)s, 1
