-- Set roles that the agent made and of which nobody else is a member (the agent itself may be, after a crash).
SELECT s.rolname::text AS set_role,
       coalesce((SELECT d.datname FROM pg_catalog.pg_shdepend h JOIN pg_catalog.pg_database d ON d.oid = h.dbid
                 WHERE h.refclassid = 'pg_catalog.pg_authid'::regclass AND h.refobjid = s.oid LIMIT 1),
                pg_catalog.current_database())::text AS database
FROM pg_catalog.pg_roles s
WHERE s.rolname ~ %(set_pattern)s
  AND EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles me ON me.oid = m.member
              WHERE m.roleid = s.oid AND me.rolname = ANY (%(makers)s::text[]))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles other ON other.oid = m.member
                  WHERE m.roleid = s.oid AND other.rolname <> ALL (%(makers)s::text[] || ARRAY[%(broker)s, session_user::text]))
ORDER BY 1
