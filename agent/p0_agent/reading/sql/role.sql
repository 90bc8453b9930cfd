-- The role that is asked for, and all whose privileges it has: what none of them may be. `broker` is who would grant it. Default
-- privileges count as owned, but not once an access has the role, since it had none before, and who has it can change them.
WITH RECURSIVE reach AS (
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = %(role)s
  UNION
  SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reach x ON m.member = x.oid
), broker AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(broker)s
)
SELECT r.rolname::text AS name, r.rolname = %(role)s AS asked,
       r.rolsuper AS superuser, r.rolcreaterole AS createrole, r.rolcreatedb AS createdb, r.rolreplication AS replication,
       r.rolcanlogin AND pg_catalog.current_setting('server_version_num')::int < 160000 AS login,
       r.rolbypassrls AS bypassrls, r.rolname ~ '^pg_' AS predefined,
       EXISTS (SELECT FROM pg_catalog.pg_shdepend d
               WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o'
                 AND NOT (d.classid = 'pg_catalog.pg_default_acl'::regclass AND EXISTS (
                   SELECT FROM pg_catalog.pg_roles s WHERE s.rolname ~ %(set_pattern)s AND pg_catalog.pg_has_role(s.oid, r.oid, 'MEMBER')))
       ) AS owner,
       r.rolname ~ %(login_pattern)s OR r.rolname ~ %(set_pattern)s OR r.rolname = ANY (ARRAY[%(broker)s, %(agent)s, %(reader)s] || %(makers)s::text[]) AS ours,
       EXISTS (SELECT FROM broker WHERE pg_catalog.pg_has_role(broker.oid, r.oid, 'MEMBER WITH ADMIN OPTION')) AS grantable
FROM reach x JOIN pg_catalog.pg_roles r ON r.oid = x.oid
ORDER BY r.rolname <> %(role)s, 1
